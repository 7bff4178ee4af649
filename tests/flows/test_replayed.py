"""What a replay decides is what the live flows decide: the same market walked both ways."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evergreen.adapters.database import decisions, evidence, reading
from evergreen.core.model.config import TrainingConfig
from evergreen.core.policy import DecisionKind
from evergreen.replay.bars import read_bars
from evergreen.replay.fits import Fits
from evergreen.replay.market import build_market
from evergreen.replay.models import Models
from evergreen.replay.plan import shipped
from evergreen.replay.walk import Walk
from evergreen.workspace import Workspace
from tests.flows.conftest import TICKERS, UNTIL, WALKED

pytestmark = [pytest.mark.xdist_group("lived"), pytest.mark.slow, pytest.mark.timeout(1500)]
FIRST, END = pd.Timestamp("2008-07-01"), pd.Timestamp("2008-07-25")
OLD_AFTER = 5  # sessions: so the second week ends with a retraining, and the fourth within its canary
KINDS_WITHOUT_VERSION = (DecisionKind.DRIFT, DecisionKind.RETRAIN_REQUESTED)


@pytest.fixture
def live(copied: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The home that has lived some sessions, walked on to END by the flows; the server's part is played by hand."""
    from evergreen.workspace import open_workspace, workspace
    from flows.clock import now_at
    from flows.daily import process_session
    from flows.replay import end_session
    from flows.retrain import retrain

    monkeypatch.setenv("EVERGREEN_RETRAIN_AFTER", str(OLD_AFTER))
    monkeypatch.setattr("flows.replay.ask_clients", lambda tickers, session, clients: None)
    open_workspace.cache_clear()
    at = workspace()
    for session in at.calendar.sessions(FIRST, END)[WALKED:]:
        request_id = process_session("sample", TICKERS, session, now_at(session, at))
        end_session(TICKERS, session, clients=0)
        if request_id:
            retrain(request_id)
    return at


@pytest.fixture
def replayed(tmp_path: Path) -> Walk:
    """The same sessions, walked by the replay under the same policy."""
    (default,) = shipped(["default"])
    policy = replace(default, trigger=replace(default.trigger, retrain_after=OLD_AFTER))
    market = build_market(read_bars("sample", "XNYS", FIRST, END, TICKERS), 1, tmp_path / "market")
    models = Models(market, Fits(market, TrainingConfig(), tmp_path / "fits"))
    first, last = (int(market.sessions.get_indexer(pd.DatetimeIndex([day]))[0]) for day in (FIRST, END))
    assert market.sessions[first - 1] == pd.Timestamp(UNTIL)
    return Walk(policy, models, first, last).run()


def test_replay__takes_the_decisions_of_the_live_flows_with_the_same_numbers(live: Workspace, replayed: Walk) -> None:
    with reading(live.engine) as conn:
        kept = list(reversed(decisions.recent(conn, "evergreen", 200)))
    days = replayed.models.market.sessions
    ours = [(one.kind, f"{days[one.session]:%Y-%m-%d}", _subject(one.kind, one.version)) for one in replayed.decisions]
    assert ours == [(str(row.kind), row.as_of, _subject(row.kind, row.subject)) for row in kept]
    assert {DecisionKind.GATE, DecisionKind.RETRAIN_REQUESTED, DecisionKind.CANARY} <= {one.kind for one in kept}
    for one, row in zip(replayed.decisions, kept, strict=True):
        assert _numbers(one.kind, row.evidence) == pytest.approx(
            {name: one.numbers[name] for name in _numbers(one.kind, row.evidence)}, rel=1e-6, abs=1e-9
        )


def test_replay__serves_the_forecasts_that_the_live_flows_kept(live: Workspace, replayed: Walk) -> None:
    version = replayed.versions["2"]
    with reading(live.engine) as conn:
        forecasts = evidence.forecasts(conn, "2")
        losses = evidence.session_losses(conn, "2", horizon=1)
    ours = version.forecasts(range(replayed.first, replayed.last + 1))
    assert np.array_equal(ours["forecast"].to_numpy(), forecasts["value"].to_numpy())
    scores = version.scores(range(replayed.first, replayed.last))
    assert scores["loss"].to_numpy() == pytest.approx(losses["loss"].to_numpy(), rel=1e-9)
    assert scores["rank_ic"].to_numpy() == pytest.approx(losses["rank_ic"].to_numpy(), rel=1e-9)


def _subject(kind: str, subject: str) -> str:
    return "" if kind in KINDS_WITHOUT_VERSION else subject


def _numbers(kind: str, stored: Any) -> dict[str, float]:
    """Those of a decision's stored evidence that a replay keeps too."""
    if kind == DecisionKind.GATE:
        return {"mean_r": stored["test"]["mean"], "margin": stored["margin"], "tried": stored["tried"]}
    if kind == DecisionKind.DRIFT:
        return {name: stored[name] for name in ("p_family", "statistic") if name in stored}
    return {}
