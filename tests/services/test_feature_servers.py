"""What is served from PostgreSQL or Redis equals what is trained on, and never goes back in time."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from evergreen.adapters.feast import Features, Servers
from evergreen.errors import BadSetting, Unavailable
from tests.services.servers import Postgresql, running_redis
from tests.unit.adapters.feast.rows import REPO, SESSIONS, Rows, at_close, bits

pytestmark = pytest.mark.services


@pytest.fixture(params=["postgresql", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path, postgresql: Postgresql) -> Features:
    """A store whose registry is in PostgreSQL and whose online store is in either."""
    online = postgresql.database() if request.param == "postgresql" else request.getfixturevalue("redis")
    return Features(tmp_path / "features", REPO, servers=Servers(postgresql.database(), online))


def test_online__equals_offline_bit_for_bit_in_another_process_too(store: Features) -> None:
    rows = Rows(["BBB", "AAA", "CCC"], SESSIONS)
    rows.write(store)
    assert store.materialize(at_close(SESSIONS[7])).moved == 6
    another = Features(store.root, REPO, servers=store.servers)
    assert another.apply() is False
    online = another.read_online(["CCC", "AAA", "XXX"])
    assert bits(online.features) == bits(rows.features.xs(SESSIONS[7], level="session").loc[["AAA", "CCC"]])
    assert (online.as_of == SESSIONS[7]).all()
    assert (online.event_timestamp == at_close(SESSIONS[7])).all()
    assert not list(store.root.glob("*.db"))


def test_online__a_correction_of_the_newest_session_goes_online_and_an_older_window_does_not(store: Features) -> None:
    Rows(["AAA"], SESSIONS).write(store)
    store.materialize(at_close(SESSIONS[10]))
    corrected = Rows(["AAA"], SESSIONS[10:11], seed=5, later="2h")
    corrected.write(store)
    assert store.materialize(at_close(SESSIONS[10])).moved == 2
    assert store.materialize(at_close(SESSIONS[3])).moved == 0
    old = [at_close(session).to_pydatetime() for session in (SESSIONS[0], SESSIONS[4])]
    store._feast.materialize(*old, ["alpha158", "price"])
    online = store.read_online(["AAA"])
    assert bits(online.features) == bits(corrected.features)
    assert (online.as_of == SESSIONS[10]).all()


def test_training_frame__is_that_of_a_store_in_files(store: Features, tmp_path: Path) -> None:
    rows, files = Rows(["AAA", "BBB"], SESSIONS), Features(tmp_path / "files", REPO)
    for each in (store, files):
        rows.write(each)
    pd.testing.assert_frame_equal(store.training_frame(rows.entity()), files.training_frame(rows.entity()))


def test_online__after_a_lost_connection_the_next_reading_answers(tmp_path: Path, postgresql: Postgresql) -> None:
    import psycopg

    online = postgresql.database()
    store = Features(tmp_path / "features", REPO, servers=Servers("", online))
    Rows(["AAA"], SESSIONS).write(store)
    store.materialize(at_close(SESSIONS[3]))
    with psycopg.connect(postgresql.url, autocommit=True) as admin:
        admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (online.rpartition("/")[2],)
        )
    with pytest.raises(Unavailable, match=r"evergreen:\*\*\*@127.0.0.1"):
        store.read_online(["AAA"])
    assert len(store.read_online(["AAA"]).features) == 1


def test_online__silent_server_is_unavailable(tmp_path: Path) -> None:
    with running_redis() as url:
        store = Features(tmp_path / "features", REPO, servers=Servers("", url))
        Rows(["AAA"], SESSIONS).write(store)
        store.materialize(at_close(SESSIONS[3]))
    with pytest.raises(Unavailable, match="did not answer"):
        store.read_online(["AAA"])


def test_servers__unusable_url_is_named_without_its_password() -> None:
    with pytest.raises(BadSetting, match=r"online_store, 'mysql://u:\*\*\*@h/d', cannot be used"):
        Servers("", "mysql://u:secret@h/d")
