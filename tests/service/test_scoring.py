from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence

import numpy as np
import pytest

from evergreen.adapters.database import predictions, reading
from evergreen.adapters.database.predictions import Prediction
from evergreen.core.model import booster as boosters
from evergreen.errors import EvergreenError, Unavailable
from evergreen.service.lane import Lane
from evergreen.service.metrics import Metrics
from evergreen.service.refresh import Keeper
from evergreen.service.schemas import PredictionAnswer
from evergreen.service.scoring import BatchScorer, Question, new_id
from evergreen.service.state import Forecasts, Matrix, ServedModel, Snapshot
from tests.service.world import NOW, TICKERS, World


class Scoring:
    """A scorer over a world, with the snapshot it serves."""

    def __init__(self, world: World) -> None:
        self.world, self.metrics = world, Metrics()
        keeper = Keeper(world.store, self.metrics)
        keeper.look(NOW)
        assert keeper.snapshot is not None
        self.snapshot: Snapshot = keeper.snapshot
        self.scorer = BatchScorer(world.store.write, self.metrics, max_age=3, lane=Lane(patience=0.05))

    def question(self, arm: str = "champion", *places: int, client: str = "c") -> Question:
        return Question(self.snapshot, client, arm, places or (0,))

    def answers(self, *questions: Question) -> list[list[dict[str, object]]]:
        settled = self.scorer.settle(questions)
        assert not any(isinstance(each, EvergreenError) for each in settled)
        return [[json.loads(text) for text in texts] for texts in settled]

    def break_challenger(self, forecast: object) -> None:
        challenger = self.snapshot.lineup.challenger
        assert challenger is not None
        object.__setattr__(challenger, "forecast", forecast)

    def failures(self, cause: str) -> float:
        name = "evergreen_challenger_failures_total"
        return self.metrics.registry.get_sample_value(name, {"cause": cause}) or 0.0


@pytest.fixture
def scoring(world: World) -> Scoring:
    return Scoring(world)


def on_record(world: World, prediction_id: object) -> Prediction:
    with reading(world.engine) as conn:
        return predictions.find(conn, str(prediction_id))


def by_hand(model: ServedModel, row: Matrix) -> float:
    """The slow way: the model's own text parsed again, one row at a time."""
    again = boosters.from_text(model.model.to_bytes().decode())
    return float(boosters.predict(again, row[None, :])[0])


@pytest.mark.parametrize("arm", ["champion", "challenger"])
def test_settle__answers_with_the_arms_model_and_logs_both(scoring: Scoring, arm: str) -> None:
    answer = scoring.answers(scoring.question(arm, 2))[0][0]
    lineup, universe = scoring.snapshot.lineup, scoring.snapshot.universe
    answering_model = lineup.champion if arm == "champion" else lineup.challenger
    assert answering_model is not None and lineup.challenger is not None
    forecast = by_hand(answering_model, universe.features[2])
    assert (answer["model"], answer["arm"], answer["ticker"]) == (answering_model.version, arm, TICKERS[2])
    assert answer["forecast_return"] == forecast
    assert answer["price"] == 100 * math.exp(forecast)
    assert answer["lower"] == 100 * math.exp(forecast + answering_model.manifest.interval_low)
    assert answer["upper"] == 100 * math.exp(forecast + answering_model.manifest.interval_high)
    row = on_record(scoring.world, answer["id"])
    assert row.champion_raw == by_hand(lineup.champion, universe.features[2])
    assert row.challenger_raw == by_hand(lineup.challenger, universe.features[2])
    assert (row.champion_version, row.challenger_version, row.rollout_version) == ("1", "2", 1)
    assert (row.price, row.feature_hash, row.client) == (answer["price"], universe.hashes[2], "c")


def test_settle__batched_rows_equal_rows_scored_alone(scoring: Scoring) -> None:
    together = scoring.answers(scoring.question("challenger", 0, 1), scoring.question("champion", 3, 2))
    alone = [scoring.answers(scoring.question(arm, place))[0][0] for arm, place in zip(
        ("challenger", "challenger", "champion", "champion"), (0, 1, 3, 2), strict=True
    )]  # fmt: skip
    assert [each["price"] for batch in together for each in batch] == [each["price"] for each in alone]


def test_settle__answer_is_what_the_schema_promises(scoring: Scoring) -> None:
    for answer in scoring.answers(scoring.question("challenger", 0, 1))[0]:
        PredictionAnswer.model_validate(answer, strict=True)


def raises(_: Matrix) -> Forecasts:
    raise RuntimeError("broken challenger")


def not_finite(rows: Matrix) -> Forecasts:
    return np.full(len(rows), np.nan)


def infinite(rows: Matrix) -> Forecasts:
    return np.full(len(rows), np.inf)


def sleeps(rows: Matrix) -> Forecasts:
    time.sleep(0.4)
    return np.zeros(len(rows))


def too_short(rows: Matrix) -> Forecasts:
    return np.zeros(len(rows) + 1)


@pytest.mark.parametrize(
    ("broken", "cause"),
    [
        (raises, "raised"),
        (not_finite, "not_finite"),
        (infinite, "not_finite"),
        (sleeps, "slow"),
        (too_short, "raised"),
    ],
)
def test_settle__champion_answers_for_a_broken_challenger_and_it_is_counted(
    scoring: Scoring, broken: object, cause: str
) -> None:
    expected = scoring.answers(scoring.question("champion"))[0][0]
    scoring.break_challenger(broken)
    answer = scoring.answers(scoring.question("challenger"))[0][0]
    assert (answer["price"], answer["model"], answer["arm"]) == (expected["price"], "1", "challenger")
    assert scoring.failures(cause) == 1
    row = on_record(scoring.world, answer["id"])
    assert (row.version, row.challenger_version, row.challenger_raw) == ("1", "2", None)


def test_settle__does_not_wait_again_for_a_challenger_that_hangs(scoring: Scoring) -> None:
    scoring.break_challenger(sleeps)
    for _ in range(3):
        assert scoring.answers(scoring.question("challenger"))[0][0]["model"] == "1"
    assert (scoring.failures("slow"), scoring.failures("busy")) == (1, 2)


def test_settle__a_champion_without_a_finite_price_is_an_error_not_an_answer(scoring: Scoring) -> None:
    object.__setattr__(scoring.snapshot.lineup.champion, "forecast", lambda rows: np.full(len(rows), 1e4))
    outcome = scoring.scorer.settle([scoring.question("champion")])[0]
    assert isinstance(outcome, Unavailable)
    with reading(scoring.world.engine) as conn:
        assert predictions.count(conn) == 0


def test_settle__no_answer_when_the_log_cannot_be_written(scoring: Scoring) -> None:
    def full(rows: Sequence[Prediction]) -> None:
        raise Unavailable("The disk is full.")

    scorer = BatchScorer(full, scoring.metrics, max_age=3)
    with pytest.raises(Unavailable, match="disk is full"):
        scorer.settle([scoring.question("champion")])
    assert not list(scoring.metrics.predictions.collect()[0].samples), "what was not answered is not counted"


def test_settle__each_question_is_answered_from_the_snapshot_it_was_asked_of(world: World) -> None:
    before = Scoring(world)
    world.change_rollout(champion="2", challenger=None, stage="steady", weight=0)
    after = Scoring(world)
    answers = before.answers(before.question(), Question(after.snapshot, "c", "champion", (0,)), before.question())
    assert [(each[0]["model"], each[0]["rollout_version"]) for each in answers] == [
        ("1", 1),
        ("2", 2),
        ("1", 1),
    ]


def test_new_id__is_unique_and_sorts_by_time() -> None:
    first = new_id()
    time.sleep(0.002)
    later = [new_id() for _ in range(1_000)]
    assert len(set(later)) == 1_000 and first < min(later)
    assert all(len(each) == 28 for each in later)
