"""The prediction log: every number that was served, durable before the answer is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from math import isfinite
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Engine, func, select, union

from evergreen.adapters.database import prediction_chain
from evergreen.adapters.database.faults import fastest_cursor
from evergreen.adapters.database.prediction_chain import CHAINED, CONVERTED, chained_time, mark_of
from evergreen.adapters.database.rows import every, first
from evergreen.adapters.database.schema import prediction
from evergreen.adapters.database.types import utc
from evergreen.core.bars.session import Session, iso
from evergreen.errors import NotFound


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """One served forecast: `price` with its interval, the forecast behind it, and what both models said.

    `forecast` and the raw outputs are of the model's target, log returns of most; where no price follows from it,
    `price` is None, and `lower` and `upper` are ends of the forecast's interval. `challenger_raw` is None when it gave
    no finite number.
    `latency_us`: microseconds from the arrival of its request until it was handed to the log.
    """

    id: str
    at: datetime
    client: str
    ticker: str
    as_of: str
    arm: str
    version: str
    price: float | None
    lower: float
    upper: float
    last_close: float
    forecast: float
    feature_hash: str
    champion_version: str
    champion_raw: float
    challenger_version: str | None = None
    challenger_raw: float | None = None
    rollout_version: int
    latency_us: int | None = None


ChainedRow = tuple[Any, ...]  # the columns `CHAINED`, as they are hashed

_COLUMNS = (*CHAINED, "batch")
_INSERT = {  # past the expression language, which takes four times as long
    mark: f"INSERT INTO prediction ({', '.join(_COLUMNS)}) VALUES ({', '.join([mark] * len(_COLUMNS))})"
    for mark in ("?", "%s")
}
_ZONE = {"?": "", "%s": "+00:00"}  # of a time as `chained_time` gives it
_as_it_is = attrgetter(*(name for name in CHAINED if name not in CONVERTED))
_RECORD = tuple(prediction.c[item.name] for item in fields(Prediction))


@dataclass(frozen=True, slots=True)
class RowForm:
    """A prediction as the chain has it, but for its id, its time, its client and how long it took."""

    after_time: tuple[Any, ...]
    after_client: tuple[Any, ...]

    @classmethod
    def of(cls, item: Prediction) -> RowForm:
        """All of `item` but these four."""
        row, client = _row(item), CHAINED.index("client")
        return cls(row[2:client], row[client + 1 : -1])

    def filled(self, key: str, at: str, client: str, latency_us: int) -> ChainedRow:
        """The row of one answer; `at` as `chained_time` gives it."""
        return (key, at, *self.after_time, client, *self.after_client, latency_us)


def insert_many(engine: Engine, items: Sequence[Prediction]) -> None:
    """Write predictions in one transaction, as `insert_rows`."""
    insert_rows(engine, [_row(item) for item in items])


def insert_rows(engine: Engine, rows: Sequence[ChainedRow]) -> None:
    """Write rows in one transaction, durable on return: all of them or none. They are one batch of the chain.

    Without any, it returns once something could be written.
    """
    if not rows:
        with engine.begin():
            return
    sha256, mark = prediction_chain.content_hash(rows), mark_of(engine.dialect)
    with engine.begin() as conn, fastest_cursor(conn) as (execute, execute_many):
        batch = prediction_chain.append(execute, mark, "served", len(rows), sha256)
        execute_many(_INSERT[mark], [(key, at + _ZONE[mark], *rest, batch) for key, at, *rest in rows])


def find(conn: Connection, prediction_id: str) -> Prediction:
    """The prediction with that id.

    Raises:
        NotFound: it was never answered here.
    """
    served = first(conn, select(*_RECORD).where(prediction.c.id == prediction_id), Prediction)
    if served is None:
        raise NotFound(f"no prediction {prediction_id!r} is on record.", "Copy the id from an answer.")
    return served


def count(conn: Connection) -> int:
    """How many predictions were served."""
    return conn.execute(select(func.count()).select_from(prediction)).scalar_one()


def askers(conn: Connection, as_of: Session) -> set[tuple[str, str]]:
    """Who asked for what at a session: (client, ticker)."""
    query = select(prediction.c.client, prediction.c.ticker).where(prediction.c.as_of == iso(as_of))
    return {(client, ticker) for client, ticker in conn.execute(query.distinct())}


@dataclass(frozen=True, kw_only=True, slots=True)
class AnsweredForecast:
    """What tells which features an answered forecast was made from."""

    id: str
    ticker: str
    as_of: str
    at: datetime
    feature_hash: str


def served(conn: Connection, tickers: Sequence[str], start: Session, end: Session) -> list[AnsweredForecast]:
    """The forecasts answered for `tickers` from features of the sessions `start` to `end`, in order of time."""
    columns = [prediction.c[item.name] for item in fields(AnsweredForecast)]
    spanned = prediction.c.as_of.between(iso(start), iso(end))
    query = select(*columns).where(spanned).order_by(prediction.c.as_of, prediction.c.at, prediction.c.id)
    which = set(tickers)
    return [item for item in every(conn, query, AnsweredForecast) if item.ticker in which]


def silent(conn: Connection, challenger: str) -> int:
    """How many requests a challenger scored without giving a finite number."""
    scored = prediction.c.challenger_version == challenger
    query = select(func.count()).where(scored, prediction.c.challenger_raw.is_(None))
    return conn.execute(query).scalar_one()


def raw_answers(conn: Connection, version: str, session: Session) -> list[tuple[str, str, float]]:
    """What a version said of a session to clients' requests: (ticker, feature hash, log return), each once.

    Both arms score every request, so that it counts where it answered and where it was scored beside. Where it gave no
    finite number nothing was said: `silent` counts that.
    """
    sides = (
        (prediction.c.champion_version, prediction.c.champion_raw),
        (prediction.c.challenger_version, prediction.c.challenger_raw),
    )
    parts = [
        select(prediction.c.ticker, prediction.c.feature_hash, raw).where(
            prediction.c.as_of == iso(session), scored == version, raw.is_not(None)
        )
        for scored, raw in sides
    ]
    return [(ticker, feature_hash, raw) for ticker, feature_hash, raw in conn.execute(union(*parts))]


def by_arm(conn: Connection, since: datetime) -> dict[tuple[str, str], int]:
    """Predictions served since a moment, counted by (arm, version)."""
    query = (
        select(prediction.c.arm, prediction.c.version, func.count())
        .where(prediction.c.at >= since)
        .group_by(prediction.c.arm, prediction.c.version)
    )
    return {(arm, version): number for arm, version, number in conn.execute(query)}


def _row(item: Prediction) -> ChainedRow:
    raw = item.challenger_raw
    silent = raw is None or not isfinite(raw)
    return (item.id, chained_time(utc(item.at)), iso(item.as_of), None if silent else raw, *_as_it_is(item))
