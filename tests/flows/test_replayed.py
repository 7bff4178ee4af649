"""What a replay decides is what the live flows decide: the same markets walked both ways."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evergreen.adapters.bars import open_source
from evergreen.adapters.database import decisions, evidence, reading, rollouts
from evergreen.adapters.database.decisions import RecordedDecision
from evergreen.core.model.aim import Aim
from evergreen.core.model.breadth import suited
from evergreen.core.model.config import TrainingConfig
from evergreen.core.policy import DecisionKind
from evergreen.replay.bars import read_bars
from evergreen.replay.fits import Fits
from evergreen.replay.market import build_market
from evergreen.replay.models import Models
from evergreen.replay.plan import shipped
from evergreen.replay.walk import Walk
from evergreen.workspace import Workspace
from tests.conftest import enter
from tests.flows.conftest import TICKERS

pytestmark = [pytest.mark.xdist_group("both_ways"), pytest.mark.slow, pytest.mark.timeout(1500)]
MODEL = "evergreen"


@dataclass(frozen=True)
class Stretch:
    """Sessions of a market: `before` ends the history, `retrain_after` is the age that asks for a retraining."""

    source: str
    tickers: tuple[str, ...]
    history: str
    before: str
    first: str
    last: str
    retrain_after: int = 250
    target: str = "return"
    horizon: int = 1


# Until the demo's canary has answered clients: a drift, a retraining, a gate, a canary that climbs two stages.
DEMO = Stretch("sample", tuple(TICKERS), "2000-03-01", "2008-08-29", "2008-09-02", "2008-11-10")
# Old after a week, so that few sessions see a retraining. Ranked models take four years of history, and of 50 tickers
# a strong signal, so that two years of them show it.
BROAD = "simulated:tickers=50,seed=7,years=4.6,ic=0.3"
BROAD_STRETCH = Stretch(
    BROAD, tuple(open_source(BROAD).tickers()), "2000-01-03", "2004-06-18", "2004-06-21", "2004-06-29", 5
)


@dataclass(frozen=True)
class BothWays:
    """One stretch as the flows walked it, and as the replay did."""

    live: Workspace
    replayed: Walk


@pytest.fixture(scope="module", params=[DEMO, BROAD_STRETCH], ids=["demo", "50_tickers"])
def both(
    request: pytest.FixtureRequest, prefect_server: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BothWays]:
    yield from walk_both_ways(request.param, tmp_path_factory.mktemp("both_ways"))


def walk_both_ways(stretch: Stretch, folder: Path, loaded: Path | None = None) -> Iterator[BothWays]:
    """A stretch lived and replayed; this process works in its home until it is let go.

    Lived in a copy of the home `loaded`, where there is one that holds the history.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVERGREEN_RETRAIN_AFTER", str(stretch.retrain_after))
        patch.setenv("EVERGREEN_TARGET", stretch.target)
        patch.setenv("EVERGREEN_HORIZON", str(stretch.horizon))
        patch.setattr("flows.replay.ask_clients", lambda tickers, session, clients: None)
        if loaded is not None:
            shutil.copytree(loaded, folder / "home")
        at = enter(folder / "home", patch)
        if loaded is None:
            load_history(stretch)
        _walk_live(at, stretch)
        yield BothWays(at, _walk_replayed(stretch, folder))


def load_history(stretch: Stretch) -> None:
    """What a stretch begins with, its features, and the request for a first model."""
    from flows.backfill import backfill

    backfill(stretch.source, list(stretch.tickers), stretch.history, stretch.before)


def _walk_live(at: Workspace, stretch: Stretch) -> None:
    """By the flows; what the server's automations would start is started by hand."""
    from evergreen.adapters.database import requests
    from flows.clock import now_at
    from flows.daily import process_session
    from flows.replay import end_session
    from flows.retrain import retrain

    tickers = list(stretch.tickers)
    with reading(at.engine) as conn:
        (bootstrap,) = requests.recent(conn, MODEL)
    retrain(bootstrap.id)
    for session in at.calendar.sessions(pd.Timestamp(stretch.first), pd.Timestamp(stretch.last)):
        walked = process_session(stretch.source, tickers, session, now_at(session, at))
        end_session(tickers, session, clients=0)
        if walked.request_id:
            retrain(walked.request_id)


def _walk_replayed(stretch: Stretch, folder: Path) -> Walk:
    (default,) = shipped(["default"])
    policy = replace(default, trigger=replace(default.trigger, retrain_after=stretch.retrain_after))
    first, last = pd.Timestamp(stretch.first), pd.Timestamp(stretch.last)
    bars = read_bars(stretch.source, "XNYS", first, last, list(stretch.tickers))
    market = build_market(bars, Aim(stretch.target, stretch.horizon), folder / "market")
    choices = suited(len(stretch.tickers), market.target.by_order)
    config = TrainingConfig(target=stretch.target, horizon=stretch.horizon, **choices)  # type: ignore[arg-type]
    places = market.sessions.get_indexer(pd.DatetimeIndex([first, last]))
    return Walk(policy, Models(market, Fits(market, config, folder / "fits")), int(places[0]), int(places[1])).run()


def test_replay__takes_the_decisions_of_the_live_flows_with_the_same_numbers(both: BothWays) -> None:
    require_same_decisions(both)


def require_same_decisions(both: BothWays) -> None:
    """Fail where the replay decided otherwise than the flows, or by other numbers."""
    live, ours = _decided(both.live), both.replayed.decisions
    days = both.replayed.models.market.sessions
    assert [(one.kind, f"{days[one.session]:%Y-%m-%d}", one.version) for one in ours] == [
        (str(row.kind), row.as_of, row.subject if one.version else "") for one, row in zip(ours, live, strict=True)
    ]
    for one, row in zip(ours, live, strict=True):
        assert one.sentence == row.summary
        assert _numbers(row) == pytest.approx({name: one.numbers[name] for name in _numbers(row)}, rel=1e-6, abs=1e-9)


def test_replay__and_flows_retrain_judge_and_move_a_canary_in_the_stretch(both: BothWays) -> None:
    kinds = {DecisionKind.DRIFT, DecisionKind.RETRAIN_REQUESTED, DecisionKind.GATE, DecisionKind.CANARY_START}
    assert {*kinds, DecisionKind.CANARY} <= {row.kind for row in _decided(both.live)}
    assert both.replayed.state.weight > 0


def test_replay__weighs_a_canary_as_the_live_flows_do(both: BothWays) -> None:
    require_same_canary(both)


def require_same_canary(both: BothWays) -> None:
    """Fail where the replay's canary stands otherwise than the flows', or has no session."""
    with reading(both.live.engine) as conn:
        rollout = rollouts.current(conn, MODEL)
    assert rollout.evidence is not None
    stored = rollout.evidence.quality_test()
    (last,) = [one for one in both.replayed.decisions if one.kind == DecisionKind.CANARY][-1:]
    numbers = {name: getattr(stored, name) for name in ("mean_r", "margin", "e_promote", "e_rollback")}
    assert {name: last.numbers[name] for name in numbers} == pytest.approx(numbers, rel=1e-6)
    assert last.numbers["sessions"] == len(stored.sessions) > 0
    assert (rollout.stage, rollout.weight) == (both.replayed.state.stage, both.replayed.state.weight)


@pytest.mark.parametrize("version", ["2", "3"])
def test_replay__serves_the_forecasts_that_the_live_flows_kept(both: BothWays, version: str) -> None:
    require_same_forecasts(both, version)


def require_same_forecasts(both: BothWays, version: str) -> None:
    """Fail where a version forecast otherwise in the replay, or where it lost otherwise."""
    walk, ours = both.replayed, both.replayed.versions[version]
    with reading(both.live.engine) as conn:
        forecasts = evidence.forecasts(conn, version)
        losses = evidence.session_losses(conn, version, walk.models.market.aim)
    served = ours.forecasts(range(ours.since, walk.last + 1))
    assert np.array_equal(served["forecast"].to_numpy(), forecasts["value"].to_numpy())
    scores = ours.scores(range(ours.since, walk.last + 1 - walk.models.market.horizon))
    for name in ("loss", "rank_ic"):
        assert scores[name].to_numpy() == pytest.approx(losses[name].to_numpy(), rel=1e-9)


def _decided(at: Workspace) -> list[RecordedDecision]:
    """All but the first, the backfill's request of a first model: no policy has a say in it."""
    with reading(at.engine) as conn:
        request, *others = reversed(decisions.recent(conn, MODEL, 500))
    assert request.kind == DecisionKind.RETRAIN_REQUESTED
    return others


def _numbers(row: RecordedDecision) -> dict[str, Any]:
    """Those of a decision's stored evidence that a replay keeps too."""
    if row.kind == DecisionKind.GATE:
        test = row.evidence["test"]
        return {name: row.evidence[name] for name in ("margin", "sessions")} | {
            "mean_r": test["mean"],
            "lower90": test["lower90"],
        }
    if row.kind == DecisionKind.DRIFT:
        return {name: row.evidence[name] for name in ("p_family", "statistic", "refused") if name in row.evidence}
    return {}
