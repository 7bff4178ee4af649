"""A target from which no price follows: a setting, and then gate, canary, service and outcomes as of any other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from evergreen.adapters.bars import open_source
from evergreen.adapters.database import decisions, evidence, predictions, reading, requests, rollouts
from evergreen.adapters.models.folder import read_manifest
from evergreen.audit.explain import explain
from evergreen.audit.reproduce import reproduce
from evergreen.core.model.aim import Aim
from evergreen.core.model.targets.registry import target
from evergreen.errors import NotFound, Refused
from evergreen.service.answering import Answerer, Question
from evergreen.service.metrics import Metrics
from evergreen.service.refresh import Keeper
from evergreen.service.schemas import PredictionAnswer
from evergreen.service.store import DiskStore
from evergreen.workspace import Workspace
from tests.conftest import enter
from tests.flows.test_replayed import (
    BothWays,
    Stretch,
    require_same_canary,
    require_same_decisions,
    require_same_forecasts,
    walk_both_ways,
)

pytestmark = [pytest.mark.xdist_group("volatile"), pytest.mark.timeout(1500)]
MODEL, AIM = "evergreen", Aim("volatility", 1)
MARKET = "simulated:tickers=4,seed=7,years=3.3"
# The history has the folds that a gate can judge. Old after a week: a retraining, its gate, a canary.
STRETCH = Stretch(
    MARKET, tuple(open_source(MARKET).tickers()), "2000-01-03", "2003-03-28", "2003-03-31", "2003-04-09", 5, AIM.target
)


@pytest.fixture(scope="module")
def both(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BothWays]:
    """A home that forecasts volatility, lived and replayed."""
    yield from walk_both_ways(STRETCH, tmp_path_factory.mktemp("volatile"))


@pytest.fixture
def volatile(both: BothWays, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """As it was lived, and the workspace of this process."""
    monkeypatch.setenv("EVERGREEN_TARGET", AIM.target)
    return enter(both.live.settings.home, monkeypatch)


def _request(at: Workspace, reason: str) -> str:
    """The id of the request that a person made for a reason."""
    with reading(at.engine) as conn:
        return next(each.id for each in requests.recent(conn, MODEL) if each.evidence.get("reason") == reason)


def _answer(at: Workspace) -> dict[str, Any]:
    """What the service says of the first ticker to a client of the champion's arm."""
    store, metrics = DiskStore(at.settings), Metrics()
    keeper = Keeper(store, metrics)
    keeper.look(datetime.now(UTC))
    assert keeper.snapshot is not None, keeper.alarms
    question = Question(keeper.snapshot, "somebody", "champion", (0,))
    (settled,) = Answerer(store.write, metrics, 3, store.target).settle([question])
    assert isinstance(settled, list)
    answered: dict[str, Any] = json.loads(settled[0])
    return answered


def test_gate__judges_by_the_targets_own_baseline_and_a_canary_follows(volatile: Workspace) -> None:
    with reading(volatile.engine) as conn:
        (first,), (second,) = ([row for row in decisions.of(conn, v) if row.kind == "gate"] for v in ("2", "3"))
        rollout = rollouts.current(conn, MODEL)
    assert "better than an unchanged volatility" in first.summary and "random walk" not in first.summary
    assert second.evidence["statistic"] == "squared error" and second.evidence["baseline"] == "an unchanged volatility"
    assert (rollout.champion, rollout.challenger) == ("2", "3"), second.summary
    manifest = read_manifest(volatile.model_folder("3"))
    assert manifest.aim == AIM and "mase" not in manifest.metrics


def test_replay__decides_as_the_live_flows_do_with_the_same_numbers(both: BothWays) -> None:
    require_same_decisions(both)
    require_same_canary(both)
    require_same_forecasts(both, "2")


def test_outcomes__are_settled_with_the_targets_label_to_the_bit_of_all_history(volatile: Workspace) -> None:
    with reading(volatile.engine) as conn:
        came = evidence.settled(conn, "2", AIM).set_index(["ticker", "session"])["outcome"]
        paired = evidence.paired_losses(conn, "2", "3", AIM)
        assert evidence.settled(conn, "2", Aim("return", 1)).empty
    labels = target(AIM.target).label(volatile.bars.as_of(), AIM.horizon)
    assert len(came) > 5 * len(STRETCH.tickers) and came.to_dict() == labels.loc[came.index].to_dict()
    assert len(paired) > 0


def test_service__answers_without_a_price_and_the_answer_is_explained_and_reproduced(volatile: Workspace) -> None:
    answer = _answer(volatile)
    PredictionAnswer(**answer)
    assert answer["target"] == "volatility" and answer["forecast_lower"] < answer["forecast"] < answer["forecast_upper"]
    assert [answer[name] for name in ("price", "lower", "upper", "forecast_return")] == [None] * 4
    with reading(volatile.engine) as conn:
        on_record = predictions.find(conn, answer["id"])
    assert (on_record.price, on_record.lower, on_record.upper) == (
        None,
        answer["forecast_lower"],
        answer["forecast_upper"],
    )
    compared = reproduce(volatile, answer["id"])
    assert [each.name for each in compared] == ["last close", "feature row", "forecast"]
    assert [each for each in compared if not each.same] == []
    explained = dict(explain(volatile, answer["id"]))
    assert explained["target"] == "volatility over 1 session: no price follows from it"
    assert explained["answer"].startswith(f"{answer['ticker']} {answer['forecast']!r} (")


def test_retrain__of_another_target_is_refused_before_anything_is_trained(volatile: Workspace) -> None:
    from flows.retrain import retrain

    retrain(reason="prices after all", target="return")
    with pytest.raises(Refused, match="The champion forecasts volatility over 1 session, a model of return over 1"):
        retrain(_request(volatile, "prices after all"))
    retrain(reason="a week", horizon=5)
    with pytest.raises(Refused, match="a model of volatility over 5 sessions cannot be compared with it"):
        retrain(_request(volatile, "a week"))
    with pytest.raises(NotFound, match="no target 'profit'"):
        retrain(reason="a try", target="profit")
