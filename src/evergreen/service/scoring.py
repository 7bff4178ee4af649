"""Settles a batch of questions: both models score, the client's arm decides who speaks, all is logged."""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import groupby

import numpy as np
import orjson

from evergreen.adapters.database.predictions import Prediction
from evergreen.core.canary.assignment import Arm
from evergreen.errors import EvergreenError, Unavailable
from evergreen.service.expiry import Expires, never
from evergreen.service.lane import Lane
from evergreen.service.metrics import Metrics
from evergreen.service.state import Forecasts, Matrix, ServedModel, Snapshot

Write = Callable[[Sequence[Prediction]], None]


@dataclass(frozen=True, slots=True)
class Scores:
    """One model's forecasts of a batch, NaN where there are none, and the microseconds it took; None: it failed."""

    values: Forecasts
    latency_us: int | None


@dataclass(frozen=True, slots=True)
class Question:
    """One request: who asks, about which rows of the snapshot that was serving when it arrived."""

    snapshot: Snapshot
    client: str
    arm: Arm
    places: tuple[int, ...]


class BatchScorer:
    """Scores questions with champion and challenger and writes every prediction before returning its answer.

    A challenger that raises, hangs or forecasts a non-finite return is counted, and its clients get the
    champion's answer. Called from one thread at a time.
    """

    def __init__(
        self, write: Write, metrics: Metrics, max_age: int, lane: Lane[Scores] | None = None, expires: Expires = never
    ) -> None:
        self._write = write
        self._metrics = metrics
        self._max_age = max_age
        self._lane: Lane[Scores] = lane or Lane()
        self._is_expired = expires

    def settle(self, questions: Sequence[Question]) -> list[list[bytes] | EvergreenError]:
        """For each question the answers as JSON objects, one per ticker asked; or why there is none.

        All rows are committed together; if that fails, nobody is answered. Without a question it only waits until
        something could be written.
        """
        outcomes: list[list[Prediction] | EvergreenError] = []
        for _, group in groupby(questions, key=lambda question: id(question.snapshot)):
            outcomes.extend(self._score(list(group)))
        rows = [row for outcome in outcomes if isinstance(outcome, list) for row in outcome]
        if rows or not questions:  # of nobody's question: only whether the database takes it
            self._write(rows)
        if rows:
            self._count(rows)
        return [
            [self._answer(question.snapshot, row) for row in outcome] if isinstance(outcome, list) else outcome
            for question, outcome in zip(questions, outcomes, strict=True)
        ]

    def close(self) -> None:
        """Let the challenger's thread go."""
        self._lane.close()

    def _score(self, questions: list[Question]) -> list[list[Prediction] | EvergreenError]:
        snapshot = questions[0].snapshot
        places = [place for question in questions for place in question.places]
        outcome = self._start_challenger(snapshot, places)
        champion = _score(snapshot.lineup.champion, snapshot.champion_rows[places])
        challenger = self._finish_challenger(outcome(), len(places))
        now, scored, start = datetime.now(UTC), [], 0
        for question in questions:
            end = start + len(question.places)
            latency_us = (champion if question.arm == "champion" else challenger).latency_us
            scored.append(_rows(question, champion.values[start:end], challenger.values[start:end], now, latency_us))
            start = end
        return scored

    def _start_challenger(self, snapshot: Snapshot, places: list[int]) -> Callable[[], Scores | str]:
        challenger, rows = snapshot.lineup.challenger, snapshot.challenger_rows
        if challenger is None or rows is None:
            return lambda: "absent" if snapshot.lineup.rollout.challenger else ""
        return self._lane.start(partial(_score, challenger, rows[places]))

    def _finish_challenger(self, outcome: Scores | str, rows: int) -> Scores:
        """The challenger's forecasts, NaN where there is none; what is missing is counted by cause."""
        if isinstance(outcome, str) or outcome.values.shape != (rows,):
            cause = outcome if isinstance(outcome, str) else "raised"
            if cause:
                self._metrics.challenger_failures.labels(cause).inc(rows)
            return Scores(np.full(rows, np.nan), None)
        if not_finite := int(np.count_nonzero(~np.isfinite(outcome.values))):
            self._metrics.challenger_failures.labels("not_finite").inc(not_finite)
        return outcome

    def _count(self, rows: list[Prediction]) -> None:
        self._metrics.batch.observe(len(rows))
        for (arm, version), number in Counter((row.arm, row.version) for row in rows).items():
            self._metrics.predictions.labels(arm, version).inc(number)

    def _answer(self, snapshot: Snapshot, row: Prediction) -> bytes:
        place = snapshot.places[row.ticker]
        age, inputs = snapshot.ages[place], snapshot.inputs[row.version]
        return orjson.dumps(
            {
                "id": row.id,
                "ticker": row.ticker,
                "as_of": row.as_of,
                "horizon": _answering_arm(snapshot, row.version).manifest.horizon,
                "forecast_return": row.forecast,
                "price": row.price,
                "lower": row.lower,
                "upper": row.upper,
                "last_close": row.last_close,
                "model": row.version,
                "arm": row.arm,
                "feature_age": age,
                "stale": age > self._max_age,
                "missing": float(inputs.missing[place]),
                "incomplete": inputs.is_incomplete(place),
                "outside": float(inputs.outside[place]),
                "out_of_distribution": inputs.is_out_of_distribution(place),
                "expired": self._is_expired(_answering_arm(snapshot, row.version).manifest, snapshot.clock),
                "rollout_version": row.rollout_version,
            }
        )


def new_id() -> str:
    """A prediction's id: 12 hex digits of milliseconds since 1970, then 16 of chance. Sorts by time."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(8).hex()}"


def _score(model: ServedModel, rows: Matrix) -> Scores:
    began = time.perf_counter_ns()
    values = model.forecast(rows)
    return Scores(values, (time.perf_counter_ns() - began) // 1_000)


def _answering_arm(snapshot: Snapshot, version: str) -> ServedModel:
    challenger = snapshot.lineup.challenger
    return challenger if challenger is not None and challenger.version == version else snapshot.lineup.champion


def _rows(
    question: Question, champion: Forecasts, challenger: Forecasts, now: datetime, latency_us: int | None
) -> list[Prediction] | EvergreenError:
    pairs = zip(question.places, champion.tolist(), challenger.tolist(), strict=True)
    rows = [_row(question, place, first, second, now, latency_us) for place, first, second in pairs]
    if all(math.isfinite(row.price) for row in rows):
        return rows
    return Unavailable(
        f"Model {question.snapshot.lineup.champion.version} gave no finite forecast.",
        "See the alarms on the status page, or roll back with `evergreen canary rollback`.",
    )


def _row(
    question: Question, place: int, champion: float, challenger: float, now: datetime, latency_us: int | None
) -> Prediction:
    lineup, universe = question.snapshot.lineup, question.snapshot.universe
    answers = lineup.challenger if question.arm == "challenger" and math.isfinite(challenger) else None
    answering_model, forecast = (lineup.champion, champion) if answers is None else (answers, challenger)
    close = float(universe.last_close[place])
    below, above = (float(side[place]) for side in question.snapshot.reaches[answering_model.version])
    return Prediction(
        id=new_id(),
        at=now,
        client=question.client,
        ticker=universe.tickers[place],
        as_of=universe.dates[place],
        arm=question.arm,
        version=answering_model.version,
        price=_price(close, forecast),
        lower=_price(close, forecast + below),
        upper=_price(close, forecast + above),
        last_close=close,
        forecast=forecast,
        feature_hash=universe.hashes[place],
        champion_version=lineup.champion.version,
        champion_raw=champion,
        challenger_version=lineup.rollout.challenger,
        challenger_raw=challenger if math.isfinite(challenger) else None,
        rollout_version=lineup.rollout.version,
        latency_us=latency_us,
    )


def _price(close: float, forecast: float) -> float:
    try:
        return close * math.exp(forecast)
    except OverflowError:
        return math.inf
