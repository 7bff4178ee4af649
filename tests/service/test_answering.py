from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence

import pytest

from evergreen.adapters.database import predictions, reading
from evergreen.adapters.database.predictions import Prediction
from evergreen.core.model import booster as boosters
from evergreen.errors import EvergreenError, Unavailable
from evergreen.service.answering import Answerer, Question, new_ids
from evergreen.service.metrics import Metrics
from evergreen.service.refresh import Keeper
from evergreen.service.schemas import PredictionAnswer
from evergreen.service.state import Matrix, ServedModel, Snapshot
from tests.service.world import NOW, TICKERS, World


class Answering:
    """An answerer over a world, with the snapshot it serves."""

    def __init__(self, world: World) -> None:
        self.world, self.metrics = world, Metrics()
        keeper = Keeper(world.store, self.metrics)
        keeper.look(NOW)
        assert keeper.snapshot is not None
        self.snapshot: Snapshot = keeper.snapshot
        self.answerer = Answerer(world.store.write, self.metrics, 3, world.store.target)

    @classmethod
    def over(cls, other: Answering) -> Answering:
        """Another answerer of the same snapshot, which has prepared nothing yet."""
        fresh = cls(other.world)
        fresh.snapshot = other.snapshot
        return fresh

    def question(self, arm: str = "champion", *places: int, client: str = "c") -> Question:
        return Question(self.snapshot, client, arm, places or (0,))

    def answers(self, *questions: Question) -> list[list[dict[str, object]]]:
        settled = self.answerer.settle(questions)
        assert not any(isinstance(each, EvergreenError) for each in settled)
        return [[json.loads(text) for text in texts] for texts in settled]

    def silence_challenger(self, *places: int, value: float = math.nan) -> None:
        challenger = self.snapshot.lineup.challenger
        assert challenger is not None
        self.snapshot.tables[challenger.version].values[list(places)] = value

    def failures(self, cause: str) -> float:
        name = "evergreen_challenger_failures_total"
        return self.metrics.registry.get_sample_value(name, {"cause": cause}) or 0.0


@pytest.fixture
def answering(world: World) -> Answering:
    return Answering(world)


def on_record(world: World, prediction_id: object) -> Prediction:
    with reading(world.engine) as conn:
        return predictions.find(conn, str(prediction_id))


def by_hand(world: World, model: ServedModel, row: Matrix) -> float:
    """The slow way: the model's own text parsed again, one row at a time."""
    again = boosters.from_text(world.settings.models.joinpath(model.version, "model.txt").read_text())
    return float(boosters.predict(again, row[None, :])[0])


@pytest.mark.parametrize("arm", ["champion", "challenger"])
def test_settle__answers_with_the_arms_model_and_logs_both(answering: Answering, arm: str) -> None:
    answer = answering.answers(answering.question(arm, 2))[0][0]
    lineup, universe = answering.snapshot.lineup, answering.snapshot.universe
    answering_model = lineup.champion if arm == "champion" else lineup.challenger
    assert answering_model is not None and lineup.challenger is not None
    forecast = by_hand(answering.world, answering_model, universe.features[2])
    assert (answer["model"], answer["arm"], answer["ticker"]) == (answering_model.version, arm, TICKERS[2])
    assert answer["forecast_return"] == forecast
    assert answer["price"] == 100 * math.exp(forecast)
    assert answer["lower"] == 100 * math.exp(forecast + answering_model.manifest.interval_low)
    assert answer["upper"] == 100 * math.exp(forecast + answering_model.manifest.interval_high)
    row = on_record(answering.world, answer["id"])
    assert row.champion_raw == by_hand(answering.world, lineup.champion, universe.features[2])
    assert row.challenger_raw == by_hand(answering.world, lineup.challenger, universe.features[2])
    assert (row.champion_version, row.challenger_version, row.rollout_version) == ("1", "2", 1)
    assert (row.price, row.feature_hash, row.client) == (answer["price"], universe.hashes[2], "c")


def test_settle__batched_rows_equal_rows_scored_alone(answering: Answering) -> None:
    together = answering.answers(answering.question("challenger", 0, 1), answering.question("champion", 3, 2))
    alone = [answering.answers(answering.question(arm, place))[0][0] for arm, place in zip(
        ("challenger", "challenger", "champion", "champion"), (0, 1, 3, 2), strict=True
    )]  # fmt: skip
    assert [each["price"] for batch in together for each in batch] == [each["price"] for each in alone]


def test_settle__answer_is_what_the_schema_promises(answering: Answering) -> None:
    for answer in answering.answers(answering.question("challenger", 0, 1))[0]:
        PredictionAnswer.model_validate(answer, strict=True)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_settle__champion_answers_where_the_challenger_has_no_forecast_and_it_is_counted(
    answering: Answering, value: float
) -> None:
    expected = answering.answers(answering.question("champion"))[0][0]
    answering.silence_challenger(0, value=value)
    other = Answering.over(answering)
    answer = other.answers(other.question("challenger"))[0][0]
    assert (answer["price"], answer["model"], answer["arm"]) == (expected["price"], "1", "challenger")
    assert other.failures("not_finite") == 1
    row = on_record(other.world, answer["id"])
    assert (row.version, row.challenger_version, row.challenger_raw) == ("1", "2", None)
    assert other.answers(other.question("challenger", 1))[0][0]["model"] == "2"


def test_settle__what_a_challenger_elsewhere_has_not_delivered_is_no_failure_of_its_model(answering: Answering) -> None:
    challenger = answering.snapshot.lineup.challenger
    assert challenger is not None
    object.__setattr__(challenger.manifest, "kind", "forecasts")  # as if it ran elsewhere
    answering.silence_challenger(0)
    ((answer,),) = answering.answers(answering.question("challenger"))
    assert answer["model"] == answering.snapshot.lineup.champion.version
    with reading(answering.world.store.engine) as conn:
        assert predictions.silent(conn, challenger.version) == 0
    assert (answering.failures("not_delivered"), answering.failures("not_finite")) == (1, 0)


def test_settle__a_challenger_that_is_not_loaded_is_counted_as_absent(world: World) -> None:
    (world.settings.models / "2" / "model.txt").unlink()
    answering = Answering(world)
    assert answering.answers(answering.question("challenger"))[0][0]["model"] == "1"
    assert answering.failures("absent") == 1


def test_settle__records_how_long_a_request_waited(answering: Answering) -> None:
    arrived = time.perf_counter_ns() - 5_000_000_000
    question = Question(answering.snapshot, "c", "champion", (0,), arrived)
    row = on_record(answering.world, answering.answers(question)[0][0]["id"])
    assert row.latency_us is not None and row.latency_us >= 5_000_000


def test_settle__a_champion_without_a_finite_price_is_an_error_not_an_answer(answering: Answering) -> None:
    answering.snapshot.tables["1"].values[:] = 1e4
    outcome = answering.answerer.settle([answering.question("champion")])[0]
    assert isinstance(outcome, Unavailable)
    with reading(answering.world.engine) as conn:
        assert predictions.count(conn) == 0


def test_settle__no_answer_when_the_log_cannot_be_written(answering: Answering) -> None:
    def full(rows: Sequence[Prediction]) -> None:
        raise Unavailable("The disk is full.")

    scorer = Answerer(full, answering.metrics, 3, answering.world.store.target)
    with pytest.raises(Unavailable, match="disk is full"):
        scorer.settle([answering.question("champion")])
    assert not list(answering.metrics.predictions.collect()[0].samples), "what was not answered is not counted"


def test_settle__each_question_is_answered_from_the_snapshot_it_was_asked_of(world: World) -> None:
    before = Answering(world)
    world.change_rollout(champion="2", challenger=None, stage="steady", weight=0)
    after = Answering(world)
    answers = before.answers(before.question(), Question(after.snapshot, "c", "champion", (0,)), before.question())
    assert [(each[0]["model"], each[0]["rollout_version"]) for each in answers] == [
        ("1", 1),
        ("2", 2),
        ("1", 1),
    ]


def test_new_ids__are_unique_and_sort_by_time() -> None:
    (first,) = new_ids(1)
    time.sleep(0.002)
    later = new_ids(1_000)
    assert len(set(later)) == 1_000 and first < min(later)
    assert all(len(each) == 28 for each in later)
