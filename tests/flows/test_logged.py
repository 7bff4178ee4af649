"""Whoever reads a flow's log finds the numbers that matter: what came in, what was refused, what the gate said."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import LogFilter
from prefect.client.schemas.sorting import FlowRunSort
from prefect.logging.handlers import APILogHandler

from evergreen.adapters.database import decisions, ledger, reading, rollouts
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.session import iso
from evergreen.workspace import Workspace
from tests.flows.conftest import HISTORY, TICKERS, UNTIL
from tests.prefect_records import runs

pytestmark = pytest.mark.xdist_group("lived")


def logged(run: str) -> str:
    """All that the newest flow run of that name wrote into its log."""
    APILogHandler().flush()
    (newest, *_) = runs(run)
    with get_client(sync_client=True) as client:
        of_run = LogFilter.model_validate({"flow_run_id": {"any_": [str(newest.id)]}})
        return "\n".join(log.message for log in client.read_logs(of_run, limit=200))


def assert_logged(log: str, *patterns: str) -> None:
    assert [pattern for pattern in patterns if not re.search(pattern, log)] == [], log


def test_daily__logs_bars_forecasts_outcomes_and_the_drift_check(copied: Workspace) -> None:
    from flows.daily import daily

    with reading(copied.engine) as conn:
        day = iso(Calendar("XNYS").next(pd.Timestamp(ledger.clock(conn, "evergreen"))))
        champion = rollouts.current(conn, "evergreen").champion
    daily("sample", TICKERS, day)
    with reading(copied.engine) as conn:
        version = ledger.data_versions(conn, limit=1)[0].id
    assert_logged(
        logged(f"daily {day}"),
        f"{day}: 4 bars in, 4 new, 0 restated, 0 refused; findings: none",
        r"Outcomes known by .*: [1-9]\d* settled",
        rf"Features of {day} to {day}: 8 rows written, 0\.00% of the values missing",
        rf"Online features stand at {day}: 8 rows moved",
        rf"Forecasts from {day}: 4 tickers by version {champion}",
        rf"Session {day} is closed with data version {version}\. .*drift",
    )


def test_retrain__logs_the_gates_sentence_and_what_became_of_it(lived: object, copied: Workspace) -> None:
    with reading(copied.engine) as conn:
        (gate,) = [each for each in decisions.recent(conn, "evergreen", 50) if each.kind == "gate"]
    assert_logged(
        logged(f"retrain bootstrap {UNTIL}"),
        r"[\d,]+ rows of training data",
        "Version 1 \\(random_walk\\) is run",
        "Version 2 \\(lightgbm\\) is run .*, trained through 2008-",
        "Drift of version 2: ",
        re.escape(gate.summary),
        "version 2 is champion",
        "retrainings started by findings",
    )


def test_backfill__logs_what_came_in_and_what_it_asked_for_also_when_it_changes_nothing(copied: Workspace) -> None:
    from flows.backfill import backfill

    bars, first = r"[\d,]+ bars in", logged(f"backfill {UNTIL}")
    assert_logged(
        first, f"{bars}, [\\d,]+ new, 0 restated, \\d+ refused", "Features of .* rows written", "No model serves yet"
    )
    backfill("sample", TICKERS, HISTORY, UNTIL)
    assert_logged(logged(f"backfill {UNTIL}"), f"{bars}, 0 new, 0 restated, \\d+ refused")


def test_reconcile__logs_what_it_mended(copied: Workspace) -> None:
    from flows.reconcile import reconcile

    copied.registry.delete_alias("evergreen", "champion")
    reconcile(return_state=True)
    with get_client(sync_client=True) as client:
        newest = client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=1)[0].name
    assert_logged(logged(newest), "aliases mended: champion")


def test_canary__logs_that_none_is_running(copied: Workspace) -> None:
    from flows.canary import canary

    canary(UNTIL)
    assert_logged(logged(f"canary {UNTIL}"), "no canary is running")
