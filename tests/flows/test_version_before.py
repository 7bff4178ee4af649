"""A home made by the version before opens, migrates and goes on.

`tests/data/home_0_1_0` was written by the code of 0.1.0 itself: a champion trained on the packaged sample, a canary of
ten sessions in its third stage, four served answers, a finished, a running and a pending request, quarantine cases.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from evergreen.adapters.database import (
    decisions,
    intervals,
    ledger,
    predictions,
    quarantine,
    reading,
    requests,
    rollouts,
)
from evergreen.adapters.database.schema import HEAD, metadata
from evergreen.adapters.models.folder import MANIFEST, MODEL, read_manifest
from evergreen.core.model.protocol import forecast
from evergreen.core.model.registry import load_verified
from evergreen.ops.status import lines, read_canary, read_status
from evergreen.workspace import Workspace
from tests.conftest import enter

BEFORE = Path(__file__).parents[1] / "data" / "home_0_1_0"
CHAMPION, CHALLENGER, NAME = "2", "3", "evergreen"
NEXT = pd.Timestamp("2009-01-20")  # the session after the last one looked at
NOW = datetime(2009, 1, 20, 22, tzinfo=UTC)


@pytest.fixture
def before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The home as the version before left it, not yet opened by this one."""
    home = tmp_path / "home"
    for version in (CHAMPION, CHALLENGER):
        (home / "models" / version).mkdir(parents=True)
        for name in (MANIFEST, MODEL):
            shutil.copy(BEFORE / name, home / "models" / version)
    with closing(sqlite3.connect(home / "evergreen.db")) as database:
        database.executescript((BEFORE / "evergreen.sql").read_text())
    return enter(home, monkeypatch)


def test_home__is_of_an_older_schema_and_migrated_when_opened(before: Workspace) -> None:
    with closing(sqlite3.connect(before.settings.home / "evergreen.db")) as database:
        assert database.execute("select version_num from alembic_version").fetchone() == ("0004_took",)
    with reading(before.engine) as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": False})
        assert context.get_current_revision() == HEAD
        assert compare_metadata(context, metadata) == []
        assert decisions.verify(conn) == []


def test_home__its_rollout_and_evidence_are_read(before: Workspace) -> None:
    with reading(before.engine) as conn:
        rollout = rollouts.current(conn, NAME)
    assert (rollout.champion, rollout.challenger, rollout.previous_champion) == (CHAMPION, CHALLENGER, "1")
    canary = read_canary(before.settings)
    assert canary is not None
    assert (canary.stage, canary.weight, canary.sessions) == ("canary_25", 0.25, 10)
    assert 0 < canary.e_rollback < canary.rolls_back_at
    assert any("version 3, canary_25" in line for line in lines(read_status(before.settings)))


def test_home__its_records_are_read(before: Workspace) -> None:
    with reading(before.engine) as conn:
        served = [predictions.find(conn, row) for row in conn.execute(text("select id from prediction")).scalars()]
        states = {request.cause: request.state for request in requests.recent(conn, NAME)}
        cases = quarantine.cases(conn)
        assert intervals.read(conn, NAME) is not None
        assert ledger.clock(conn, NAME) == "2008-07-07"
    assert {answer.arm for answer in served} == {"champion", "challenger"}
    assert all(answer.lower < answer.price < answer.upper for answer in served)
    assert states == {"bootstrap": "done", "drift": "running", "schedule": "pending"}
    assert sorted(case.state for case in cases) == ["discarded", "held", "held"]


def test_home__its_model_is_loaded_and_answers_as_recorded(before: Workspace) -> None:
    folder = before.model_folder(CHAMPION)
    with reading(before.engine) as conn:
        registered = ledger.read_model_version(conn, NAME, CHAMPION)
    manifest = read_manifest(folder)
    model = load_verified(folder / MODEL, registered.sha256, registered.kind)
    golden = manifest.golden_matrix()
    assert forecast(model, golden).tolist() == list(manifest.golden_outputs)


@pytest.mark.xdist_group("lived")
def test_home__its_canary_takes_the_next_look(prefect_server: None, before: Workspace) -> None:
    from tasks.canary import look_at_canary

    look_at_canary(NEXT, NOW)
    canary = read_canary(before.settings)
    assert canary is not None
    assert (canary.stage, canary.sessions) == ("canary_50", 12)
    with reading(before.engine) as conn:
        latest = decisions.recent(conn, NAME, 1)[0]
        assert decisions.verify(conn) == []
    assert (latest.kind, latest.as_of, latest.subject) == ("canary", "2009-01-20", CHALLENGER)
