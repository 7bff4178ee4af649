from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from evergreen.adapters.database import open_database
from evergreen.adapters.database.decisions import Decision

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


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state/evergreen.db"
    place: str = request.getfixturevalue("postgresql").database()
    return place


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    opened = open_database(url)
    yield opened
    opened.dispose()
