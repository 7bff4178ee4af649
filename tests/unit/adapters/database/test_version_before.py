"""A database and an export of the version before: opened, migrated, read, and gone on with."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Engine

from evergreen.adapters.database import archive, decisions, open_database, reading, rollouts
from evergreen.adapters.database.decisions import Decision
from evergreen.adapters.database.delivery_state import NOW, frozen_record, queued, read_state
from evergreen.core.bars.calendar import Calendar
from evergreen.core.canary import LADDER
from evergreen.core.policy import SHIPPED, CanaryLook, DecisionKind, decide, parse_policies

DATA = Path(__file__).parents[3] / "data"
MODEL = "evergreen"
DEFAULT = parse_policies(SHIPPED.read_text())["default"]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Version 2 in canary at 5 % of clients beside version 1, version 3 waiting for it to end."""
    file = tmp_path / "evergreen.db"
    with sqlite3.connect(file) as connection:
        connection.executescript((DATA / "database_0004_took.sql").read_text())
    connection.close()
    opened = open_database(f"sqlite:///{file}")
    yield opened
    opened.dispose()


def test_running_canary__is_read_with_all_it_is_judged_by(engine: Engine) -> None:
    with reading(engine) as conn:
        assert decisions.verify(conn) == []
        row = rollouts.current(conn, MODEL)
    record = row.evidence
    assert (row.champion, row.challenger, row.stage, row.weight) == ("1", "2", "canary_5", 500)
    assert record is not None and record.limits is not None and record.power is not None
    assert (record.started, record.looked, record.ladder) == ("2008-09-15", "2008-09-16", LADDER)
    assert record.power.refusal == "" and record.power.table[0].promoted == 0.92
    assert record.quality_test().sessions[:2] == ["2008-09-15", "2008-09-16"]


def test_running_canary__goes_on_and_reads_back_equal(engine: Engine) -> None:
    session = pd.Timestamp("2008-09-17")
    with reading(engine) as conn:
        row = rollouts.current(conn, MODEL)
        state = read_state(conn, MODEL, Calendar("XNYS"), session)
    assert row.evidence is not None
    test = row.evidence.quality_test()
    test.update("2009-01-05", 1e-4, 1e-4)
    (action,) = decide(DEFAULT, state, CanaryLook(NOW, "2008-09-17", test.decision, test.e_rollback))
    assert action.kind is DecisionKind.PROMOTE, "as the version before had found already"
    look = Decision(
        at=datetime(2008, 9, 17, 21, tzinfo=UTC), model=MODEL, kind=DecisionKind.CANARY, as_of="2008-09-17",
        subject="2", summary="seen",
    )  # fmt: skip
    after = rollouts.change(engine, row, look, stage="canary_10", weight=1_000, evidence=row.evidence)
    with reading(engine) as conn:
        assert rollouts.current(conn, MODEL) == replace(after) and decisions.verify(conn) == []


def test_queue__who_waited_waits_on(engine: Engine) -> None:
    with reading(engine) as conn:
        (decision,) = queued(conn, MODEL)
        state = read_state(conn, MODEL, Calendar("XNYS"), pd.Timestamp("2008-09-17"))
    assert [(one.version, one.champion) for one in state.queue] == [("3", "1")]
    assert state.queue[0].plan.startswith("To see a loss") and state.turns == {"2": "2008-09-15"}
    assert frozen_record(decision).quality_test().sessions == []
    assert (state.stage_session, state.looked, state.retraining) == (-1, -1, True)


def test_export__keeps_its_latency() -> None:
    served = archive.find(DATA / "predictions_before_latency.parquet", "0190")
    assert served.latency_us == 417 and served.client == "anna"


def test_export__of_both_versions_stand_in_one_folder(engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    written = archive.export(engine, folder)
    assert written is not None
    (folder / "predictions-before.parquet").write_bytes((DATA / "predictions_before_latency.parquet").read_bytes())
    written.path.rename(folder / "predictions-now.parquet")
    assert archive.find(folder / "predictions-now.parquet", "0190").latency_us == 417
    assert archive.find(folder, "0190").latency_us == 417
