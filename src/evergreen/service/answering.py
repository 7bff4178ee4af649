"""Answers a batch of questions: each is looked up, given to its client's arm, and put on record."""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson
import pandas as pd

from evergreen.adapters.database.prediction_chain import chained_time
from evergreen.adapters.database.predictions import ChainedRow, Prediction, RowForm
from evergreen.core.canary.assignment import Arm
from evergreen.errors import EvergreenError, Unavailable
from evergreen.service.expiry import Expires, never
from evergreen.service.metrics import Metrics
from evergreen.service.state import Snapshot

Write = Callable[[Sequence[ChainedRow]], None]
Target = Callable[[pd.Timestamp, int], str | None]  # the session so many after another, as a date

_JSON = b'{"id":"%s",%s'


@dataclass(frozen=True, slots=True)
class Question:
    """One request: who asks, about which rows of the snapshot that was serving when it arrived.

    `arrived` is of the clock that `time.perf_counter_ns` reads.
    """

    snapshot: Snapshot
    client: str
    arm: Arm
    places: tuple[int, ...]
    arrived: int = field(default_factory=time.perf_counter_ns)


@dataclass(frozen=True, slots=True)
class Prepared:
    """All of an answer that does not depend on who asks and when: its row on record, and its JSON after the id.

    `missed`: why a challenger that was to score did not; empty where it did, or where there is none.
    """

    version: str
    row: RowForm
    text: bytes
    missed: str


class Answerer:
    """Looks up what both models said, and writes every prediction before returning its answer.

    A challenger without a finite forecast is counted, and its clients get the champion's answer. Called from one
    thread at a time.
    """

    def __init__(self, write: Write, metrics: Metrics, max_age: int, target: Target, expires: Expires = never) -> None:
        self._write = write
        self._metrics = metrics
        self._max_age = max_age
        self._target = target
        self._is_expired = expires
        self._snapshot: Snapshot | None = None
        self._prepared: dict[tuple[Arm, int], Prepared | Unavailable] = {}

    def settle(self, questions: Sequence[Question]) -> list[list[bytes] | EvergreenError]:
        """For each question the answers as JSON objects, one per ticker asked; or why there is none.

        All rows are committed together; if that fails, nobody is answered. Without a question it only waits until
        something could be written.
        """
        at, rows, counts = chained_time(datetime.now(UTC)), [], Counter[tuple[Arm, str, str]]()
        outcomes: list[list[bytes] | EvergreenError] = []
        for question in questions:
            prepared = self._look_up(question)
            if isinstance(prepared, list):
                ids = new_ids(len(prepared))
                took = (time.perf_counter_ns() - question.arrived) // 1_000
                rows += [
                    each.row.filled(key, at, question.client, took) for key, each in zip(ids, prepared, strict=True)
                ]
                counts.update((question.arm, each.version, each.missed) for each in prepared)
                texts = [_JSON % (key.encode(), each.text) for key, each in zip(ids, prepared, strict=True)]
                outcomes.append(texts)
            else:
                outcomes.append(prepared)
        if rows or not questions:  # of nobody's question: only whether the database takes it
            self._write(rows)
        if rows:
            self._count(len(rows), counts)
        return outcomes

    def _look_up(self, question: Question) -> list[Prepared] | Unavailable:
        """What is to be answered about each ticker, prepared once for each snapshot."""
        snapshot, arm = question.snapshot, question.arm
        if snapshot is not self._snapshot:
            self._snapshot, self._prepared = snapshot, {}
        answers = []
        for place in question.places:
            prepared = self._prepared.get((arm, place))
            if prepared is None:
                prepared = self._prepared[arm, place] = self._prepare(snapshot, arm, place)
            if isinstance(prepared, Unavailable):
                return prepared
            answers.append(prepared)
        return answers

    def _prepare(self, snapshot: Snapshot, arm: Arm, place: int) -> Prepared | Unavailable:
        row = _prediction(snapshot, arm, place)
        if not math.isfinite(row.forecast if row.price is None else row.price):
            return Unavailable(
                f"Model {row.champion_version} gave no finite forecast.",
                "See the alarms on the status page, or roll back with `evergreen canary rollback`.",
            )
        missed = ""
        if snapshot.lineup.rollout.challenger is not None and row.challenger_raw is None:
            missed = _missed(snapshot, place)
        return Prepared(row.version, RowForm.of(row), self._text(snapshot, row, place), missed)

    def _text(self, snapshot: Snapshot, row: Prediction, place: int) -> bytes:
        age, table = snapshot.ages[place], snapshot.tables[row.version]
        manifest, inputs = snapshot.model(row.version).manifest, table.inputs
        forecast, low, high = table.interval(place)
        answer = {
            "ticker": row.ticker,
            "as_of": row.as_of,
            "horizon": manifest.horizon,
            "target_session": self._target(snapshot.universe.sessions[place], manifest.horizon),
            "target": manifest.target,
            "forecast": forecast,
            "forecast_lower": low,
            "forecast_upper": high,
            "forecast_return": forecast if table.priced else None,
            "price": row.price,
            "lower": row.lower if table.priced else None,
            "upper": row.upper if table.priced else None,
            "last_close": row.last_close,
            "model": row.version,
            "arm": row.arm,
            "feature_age": age,
            "stale": age > self._max_age,
            "missing": float(inputs.missing[place]),
            "incomplete": inputs.is_incomplete(place),
            "outside": float(inputs.outside[place]),
            "out_of_distribution": inputs.is_out_of_distribution(place),
            "expired": self._is_expired(manifest, snapshot.clock),
            "rollout_version": row.rollout_version,
        }
        return orjson.dumps(answer)[1:]

    def _count(self, rows: int, counts: Counter[tuple[Arm, str, str]]) -> None:
        self._metrics.batch.observe(rows)
        for (arm, version, missed), number in counts.items():
            self._metrics.predictions.labels(arm, version).inc(number)
            if missed:
                self._metrics.challenger_failures.labels(missed).inc(number)


def new_ids(count: int) -> list[str]:
    """Ids of predictions: 12 hex digits of milliseconds since 1970, then 16 of chance. They sort by time."""
    moment, chance = f"{time.time_ns() // 1_000_000:012x}", os.urandom(8 * count).hex()
    return [moment + chance[start : start + 16] for start in range(0, len(chance), 16)]


def _prediction(snapshot: Snapshot, arm: Arm, place: int) -> Prediction:
    """A prediction as it goes on record, but for its id, its time, its client and how long it took."""
    lineup, universe = snapshot.lineup, snapshot.universe
    champion = float(snapshot.tables[lineup.champion.version].values[place])
    challenger = math.nan
    if lineup.challenger is not None:
        challenger = float(snapshot.tables[lineup.challenger.version].values[place])
    scored = lineup.challenger is None or not snapshot.is_undelivered(lineup.challenger, place)
    speaks = lineup.challenger if arm == "challenger" and math.isfinite(challenger) else None
    answering_model, forecast = (lineup.champion, champion) if speaks is None else (speaks, challenger)
    table, close = snapshot.tables[answering_model.version], float(universe.last_close[place])
    price, lower, upper = table.prices(place, close)
    return Prediction(
        id="",
        at=datetime.min.replace(tzinfo=UTC),
        client="",
        ticker=universe.tickers[place],
        as_of=universe.dates[place],
        arm=arm,
        version=answering_model.version,
        price=price,
        lower=lower,
        upper=upper,
        last_close=close,
        forecast=forecast,
        feature_hash=universe.hashes[place],
        champion_version=lineup.champion.version,
        champion_raw=champion,
        challenger_version=lineup.rollout.challenger if scored else None,
        challenger_raw=challenger if math.isfinite(challenger) else None,
        rollout_version=lineup.rollout.version,
    )


def _missed(snapshot: Snapshot, place: int) -> str:
    challenger = snapshot.lineup.challenger
    if challenger is None:
        return "absent"
    return "not_delivered" if snapshot.is_undelivered(challenger, place) else "not_finite"
