"""When a session is looked at, and what the policy in force makes of it; on a database and model files alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.adapters.database import ledger, reading, writing
from evergreen.core.bars.calendar import Calendar
from evergreen.market_data.delivery import Delivery
from evergreen.workspace import workspace
from tasks.drift import DriftFinding, check_drift, find_drift, is_checked, read_standing
from tests.conftest import enter
from tests.service.world import NOW, TICKERS, World, ready_world

TRAINED = pd.Timestamp("2008-06-30")  # by the world's models
MONDAY, FRIDAY = pd.Timestamp("2008-09-15"), pd.Timestamp("2008-09-19")
SOUND = Delivery("sample", "2008-09-15", "2008-09-15", 4, 4, 0, 0, False, (), "")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Version 1 serves everybody; its record shows skill over 80 sessions, nothing has settled since."""
    world = ready_world(tmp_path / "home", challenger=False)
    enter(world.settings.home, monkeypatch)
    days = Calendar("XNYS").sessions(pd.Timestamp("2008-03-03"), TRAINED)[-80:]
    rows = pd.MultiIndex.from_product([TICKERS, days], names=["ticker", "session"]).to_frame(index=False)
    label = np.random.default_rng(5).normal(0, 0.02, len(rows))
    closed = ledger.ProcessedSession(
        model="evergreen", as_of="2008-09-12", finished_at=NOW, report=SOUND.summary() | {"last": "2008-09-12"}
    )
    with writing(world.engine) as conn:
        ledger.record_session(conn, closed)
    record = rows.assign(forecast=0.1 * label, label=label, lower=-0.033, upper=0.033)
    record.to_parquet(world.settings.models / "1" / "oos.parquet")
    return world


def test_is_checked__once_a_week_by_default_and_when_due_by_a_calendar(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (is_looked_at(MONDAY), is_looked_at(FRIDAY)) == (False, True)
    assert check_drift.fn(MONDAY, SOUND) is None
    age = Calendar("XNYS").between(TRAINED, MONDAY)
    for every, checked in ((age, True), (age + 1, False)):
        monkeypatch.setenv("EVERGREEN_POLICY", f"calendar:{every}")
        assert is_looked_at(MONDAY) is checked


@pytest.mark.parametrize(
    ("policy", "cause", "reaction"),
    [("default", "none", "nothing"), ("calendar:20", "calendar", "retrain"), ("never", "none", "nothing")],
)
def test_check_drift__follows_the_policy_that_is_set(
    world: World, monkeypatch: pytest.MonkeyPatch, policy: str, cause: str, reaction: str
) -> None:
    monkeypatch.setenv("EVERGREEN_POLICY", policy)
    finding = found_in(SOUND)
    assert (finding.cause, finding.reaction) == (cause, reaction)
    assert finding.outcome == "not_monitored" and finding.sentence.startswith("Version 1 has no drift calibration")
    with reading(world.engine) as conn:
        assert [check.verdict for check in ledger.drift_checks(conn, "evergreen")] == ["not_monitored"]


def test_check_drift__data_at_fault_is_said_before_old_age(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERGREEN_RETRAIN_AFTER", "3")
    assert [found_in(SOUND).cause, found_in(refused()).cause] == ["old_age", "vendor_fault"]


def is_looked_at(session: pd.Timestamp) -> bool:
    at = workspace()
    return is_checked(at, read_standing(at, session), session)


def found_in(delivery: Delivery) -> DriftFinding:
    at = workspace()
    return find_drift(at, read_standing(at, MONDAY), MONDAY, delivery)


def refused() -> Delivery:
    return Delivery("sample", "2008-09-15", "2008-09-15", 4, 2, 0, 2, False, (), "")
