"""Targets from which no price follows: a setting, and then gate, canary, service and outcomes as of any other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from evergreen.adapters.bars import open_source
from evergreen.adapters.database import decisions, evidence, predictions, reading, rollouts
from evergreen.adapters.models.folder import read_manifest
from evergreen.audit.explain import explain
from evergreen.audit.reproduce import reproduce
from evergreen.core.model.aim import Aim
from evergreen.core.model.targets.registry import target
from evergreen.errors import BadInput, BadSetting
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
    load_history,
    require_same_canary,
    require_same_decisions,
    require_same_forecasts,
    walk_both_ways,
)

pytestmark = [pytest.mark.xdist_group("targets"), pytest.mark.timeout(1500)]
MODEL, TARGETS = "evergreen", ("volatility", "rank", "neutral")
MARKET = "simulated:tickers=12,seed=7,years=3.3,ic=0.5"
# The history has the folds that a gate can judge, and ends on a Wednesday. Old after two sessions, which is seen at the
# week's end: a retraining, its gate, a canary. Breadth and a signal that a neutral return needs to be shown.
STRETCH = Stretch(
    MARKET, tuple(open_source(MARKET).tickers()), "2000-01-03", "2003-04-02", "2003-04-03", "2003-04-08", 2
)


@pytest.fixture(scope="module")
def loaded(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the history that all targets are trained on."""
    home = tmp_path_factory.mktemp("loaded") / "home"
    with pytest.MonkeyPatch.context() as patch:
        enter(home, patch)
        load_history(STRETCH)
    return home


@pytest.fixture(scope="module", params=TARGETS)
def both(request: pytest.FixtureRequest, loaded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BothWays]:
    """A home that forecasts a target, lived and replayed."""
    yield from walk_both_ways(replace(STRETCH, target=request.param), tmp_path_factory.mktemp(request.param), loaded)


@pytest.fixture(scope="module")
def week(loaded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BothWays]:
    """A home that forecasts an order a week ahead, lived until the first outcomes have come, and replayed."""
    stretch = replace(STRETCH, target="rank", horizon=5, last="2003-04-11")
    yield from walk_both_ways(stretch, tmp_path_factory.mktemp("week"), loaded)


@pytest.fixture
def aim(both: BothWays) -> Aim:
    """What its models forecast."""
    return both.replayed.models.market.aim


@pytest.fixture
def lived(both: BothWays, aim: Aim, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """As it was lived, and the workspace of this process."""
    monkeypatch.setenv("EVERGREEN_TARGET", aim.target)
    return enter(both.live.settings.home, monkeypatch)


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


def test_gate__judges_by_the_targets_own_baseline_and_a_canary_follows(lived: Workspace, aim: Aim) -> None:
    with reading(lived.engine) as conn:
        (first,), (second,) = ([row for row in decisions.of(conn, v) if row.kind == "gate"] for v in ("2", "3"))
        rollout = rollouts.current(conn, MODEL)
    baseline = target(aim.target).baseline
    assert f"better than {baseline}" in first.summary and "random walk" not in first.summary
    assert second.evidence["statistic"] == "squared error" and second.evidence["baseline"] == baseline
    assert (rollout.champion, rollout.challenger) == ("2", "3"), second.summary
    manifest = read_manifest(lived.model_folder("3"))
    assert manifest.aim == aim and "mase" not in manifest.metrics


def test_replay__decides_as_the_live_flows_do_with_the_same_numbers(both: BothWays) -> None:
    require_same_decisions(both)
    require_same_canary(both)
    require_same_forecasts(both, "2")


def test_outcomes__are_settled_with_the_targets_label_to_the_bit_of_all_history(lived: Workspace, aim: Aim) -> None:
    with reading(lived.engine) as conn:
        came = evidence.settled(conn, "2", aim).set_index(["ticker", "session"])["outcome"]
        paired = evidence.paired_losses(conn, "2", "3", aim)
        assert evidence.settled(conn, "2", Aim("return", 1)).empty
    labels = target(aim.target).label(lived.bars.as_of(), aim.horizon)
    assert len(came) == 3 * len(STRETCH.tickers) and came.to_dict() == labels.loc[came.index].to_dict()
    assert len(paired) > 0


def test_service__answers_without_a_price_and_the_answer_is_explained_and_reproduced(
    lived: Workspace, aim: Aim
) -> None:
    answer = _answer(lived)
    PredictionAnswer(**answer)
    assert answer["target"] == aim.target and answer["forecast_lower"] < answer["forecast"] < answer["forecast_upper"]
    assert [answer[name] for name in ("price", "lower", "upper", "forecast_return")] == [None] * 4
    with reading(lived.engine) as conn:
        on_record = predictions.find(conn, answer["id"])
    assert (on_record.price, on_record.lower, on_record.upper) == (
        None,
        answer["forecast_lower"],
        answer["forecast_upper"],
    )
    compared = reproduce(lived, answer["id"])
    assert [each.name for each in compared] == ["last close", "feature row", "forecast"]
    assert [each for each in compared if not each.same] == []
    explained = dict(explain(lived, answer["id"]))
    assert explained["target"] == f"{aim.target} over 1 session: no price follows from it"
    assert explained["answer"].startswith(f"{answer['ticker']} {answer['forecast']!r} (")


@pytest.mark.parametrize("both", TARGETS[:1], indirect=True)
def test_retrain__of_another_target_is_refused_before_anything_is_trained(lived: Workspace) -> None:
    from flows.retrain import retrain

    with pytest.raises(BadInput, match="The champion forecasts volatility over 1 session, a model of return over 1"):
        retrain(reason="prices after all", target="return")
    with pytest.raises(BadInput, match="a model of volatility over 5 sessions cannot be compared with it"):
        retrain(reason="a week", horizon=5)
    with pytest.raises(BadSetting, match="no target 'profit'"):
        retrain(reason="a try", target="profit")


def test_home__of_a_week_ahead_begins_with_it_and_is_walked_as_it_is_replayed(
    week: BothWays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERGREEN_TARGET", "rank")
    monkeypatch.setenv("EVERGREEN_HORIZON", "5")
    at, aim = enter(week.live.settings.home, monkeypatch), Aim("rank", 5)
    assert [read_manifest(at.model_folder(version)).aim for version in ("1", "2")] == [aim, aim]
    require_same_decisions(week)
    require_same_forecasts(week, "2")
    with reading(at.engine) as conn:
        came = evidence.settled(conn, "2", aim).set_index(["ticker", "session"])["outcome"]
    labels = target("rank").label(at.bars.as_of(), 5)
    assert len(came) == 2 * len(STRETCH.tickers) and came.to_dict() == labels.loc[came.index].to_dict()
    answer = _answer(at)
    assert answer["target"] == "rank" and answer["price"] is None
    assert [each for each in reproduce(at, answer["id"]) if not each.same] == []
    assert dict(explain(at, answer["id"]))["target"] == "rank over 5 sessions: no price follows from it"
