from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, make_url

from evergreen.adapters.database import open_database
from evergreen.adapters.database.decisions import Decision

SERVER = os.environ.get("EVERGREEN_TEST_POSTGRESQL", "")  # a scratch database; without it only SQLite is tested
NOW = datetime(2008, 9, 15, 20, 0, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def decided() -> Callable[..., Decision]:
    def make(subject: str = "2", **evidence: Any) -> Decision:
        return Decision(
            at=NOW,
            model="m",
            kind="promotion",
            as_of="2008-09-15",
            subject=subject,
            summary=f"{subject} is better.",
            evidence=evidence,
        )

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/state/evergreen.db"
        return
    if not SERVER:
        pytest.skip("EVERGREEN_TEST_POSTGRESQL names no scratch database")
    schema = f"t{uuid.uuid4().hex}"
    admin = create_engine(make_url(SERVER).set(drivername="postgresql+psycopg"))
    with admin.begin() as conn:
        conn.exec_driver_sql(f"CREATE SCHEMA {schema}")
    place = make_url(SERVER).update_query_dict({"options": f"-csearch_path={schema}"})
    yield place.render_as_string(hide_password=False)
    with admin.begin() as conn:
        conn.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")
    admin.dispose()


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    opened = open_database(url)
    yield opened
    opened.dispose()
