"""What the doctor sees on real servers."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from evergreen.adapters.infra.dumps import dump, load
from evergreen.adapters.infra.servers import look_at_postgresql, look_at_redis
from evergreen.errors import BadSetting, Unavailable
from tests.services.servers import Postgresql

pytestmark = pytest.mark.services


def test_look__says_the_version_and_no_password(postgresql: Postgresql, redis: str) -> None:
    assert "runs PostgreSQL 1" in look_at_postgresql(postgresql.url)
    assert "evergreen:***@127.0.0.1" in look_at_postgresql(postgresql.url)
    assert "runs Redis " in look_at_redis(redis)


def test_look__a_database_that_is_not_there_is_named(postgresql: Postgresql) -> None:
    with pytest.raises(Unavailable, match='database "nowhere" does not exist'):
        look_at_postgresql(postgresql.url.replace("/postgres", "/nowhere"))


def test_look__a_redis_that_evicts_what_is_served_is_refused(redis: str) -> None:
    server = Redis.from_url(redis)
    server.config_set("maxmemory", "100mb")
    server.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(BadSetting, match="evicts keys when its memory is full"):
            look_at_redis(redis)
    finally:
        server.config_set("maxmemory", "0")
        server.config_set("maxmemory-policy", "noeviction")


def test_load__takes_no_dump_of_the_other_kind(postgresql: Postgresql, tmp_path: Path) -> None:
    dump(postgresql.database(), tmp_path / "evergreen")
    with pytest.raises(BadSetting, match="not of the kind"):
        load(tmp_path / "evergreen", f"sqlite:///{tmp_path}/evergreen.db")
