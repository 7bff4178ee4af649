"""Forecasts of the whole universe, what came true, and the losses by session that decisions rest on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import ColumnElement, Connection, Select, Table, and_, case, func, select

from evergreen.adapters.database.rows import insert_new, upsert
from evergreen.adapters.database.schema import forecast, outcome, prediction
from evergreen.core.bars.session import Session, iso
from evergreen.core.evaluation.losses import Statistic
from evergreen.core.evaluation.statistic import losses_by_session
from evergreen.core.model.aim import Aim
from evergreen.errors import BadInput


def record_forecasts(conn: Connection, new: pd.DataFrame) -> None:
    """Keep the forecasts a model made when a session closed; the first record of a forecast stays.

    Args:
        new: columns session, ticker, version, value (of the version's target; one that is not finite is kept as
            missing and counts as an infinite loss), feature_hash, made_at (UTC).
    """
    rows = _rows(new, forecast)
    for row in rows:
        row["value"] = row["value"] if np.isfinite(row["value"]) else None
    insert_new(conn, forecast, rows)


def record_outcomes(conn: Connection, settled: pd.DataFrame) -> None:
    """Keep what came true; a restated value replaces the old one unless it was known earlier.

    Args:
        settled: columns ticker, session, horizon (sessions), target (by name), value (rows with NaN, not yet known,
            are passed over), known_at (UTC), data_version.
    """
    upsert(conn, outcome, _rows(settled[np.isfinite(settled["value"])], outcome), newer_by="known_at")


def forecasts(conn: Connection, version: str, session: Session | None = None, open_ended: bool = False) -> pd.DataFrame:
    """All forecasts of a version, or those of one session: session, ticker, value, feature_hash, made_at.

    The value is NaN when missing. `open_ended` reads from the session on.
    """
    names = ("session", "ticker", "value", "feature_hash", "made_at")
    query = select(*(forecast.c[name] for name in names)).where(
        forecast.c.version == version, *_between(forecast, session, None if open_ended else session)
    )
    return _frame(conn, query.order_by(forecast.c.session, forecast.c.ticker), ("value",))


def count_forecasts(conn: Connection, version: str) -> int:
    """How many forecasts of a version are on record."""
    query = select(func.count()).select_from(forecast).where(forecast.c.version == version)
    return int(conn.execute(query).scalar_one())


def settled(
    conn: Connection,
    version: str,
    aim: Aim,
    start: Session | None = None,
    end: Session | None = None,
) -> pd.DataFrame:
    """Forecasts of a version whose outcome is known: session, ticker, forecast, outcome (both of its target)."""
    query = (
        select(
            forecast.c.session, forecast.c.ticker, forecast.c.value.label("forecast"), outcome.c.value.label("outcome")
        )
        .join_from(forecast, outcome, _settles(forecast, aim))
        .where(forecast.c.version == version, *_between(forecast, start, end))
    )
    return _frame(conn, query.order_by(forecast.c.session, forecast.c.ticker), ("forecast", "outcome"))


def sign_hits(conn: Connection, version: str, aim: Aim, start: Session) -> dict[str, tuple[int, int]]:
    """By ticker how many of a version's settled forecasts from `start` on had the outcome's sign, and how many settled.

    A forecast or an outcome of exactly zero says nothing and is not counted.
    """
    product = forecast.c.value * outcome.c.value
    query = (
        select(forecast.c.ticker, func.sum(case((product > 0, 1), else_=0)), func.count())
        .join_from(forecast, outcome, _settles(forecast, aim))
        .where(forecast.c.version == version, product != 0, *_between(forecast, start, None))
        .group_by(forecast.c.ticker)
    )
    return {ticker: (int(right), int(number)) for ticker, right, number in conn.execute(query)}


def of_ticker(conn: Connection, ticker: str, version: str, aim: Aim, start: Session) -> pd.DataFrame:
    """What a version forecast of one ticker from `start` on, and what came true.

    Returns:
        Columns session, forecast, outcome (NaN where it was not finite, or is not known yet), in order.
    """
    query = (
        select(forecast.c.session, forecast.c.value.label("forecast"), outcome.c.value.label("outcome"))
        .join_from(forecast, outcome, _settles(forecast, aim), isouter=True)
        .where(forecast.c.version == version, forecast.c.ticker == ticker, *_between(forecast, start, None))
    )
    return _frame(conn, query.order_by(forecast.c.session), ("forecast", "outcome"))


def answered_intervals(conn: Connection, version: str, aim: Aim) -> pd.DataFrame:
    """Intervals of a version that clients were given and whose outcome is known, once for each ticker and session.

    Returns:
        Columns session, ticker, outcome, lower, upper (of its target: log returns where a price was told).
    """
    same = and_(prediction.c.as_of == outcome.c.session, prediction.c.ticker == outcome.c.ticker)
    unit = case((prediction.c.price.is_(None), 1.0), else_=prediction.c.last_close)
    ends = [func.max(prediction.c[side] / unit).label(side) for side in ("lower", "upper")]
    priced = func.count(prediction.c.price).label("priced")
    query = (
        select(outcome.c.session, outcome.c.ticker, outcome.c.value.label("outcome"), priced, *ends)
        .join_from(outcome, prediction, same)
        .where(prediction.c.version == version, outcome.c.horizon == aim.horizon, outcome.c.target == aim.target)
        .group_by(outcome.c.session, outcome.c.ticker, outcome.c.value)
    )
    rows = _frame(conn, query, ("outcome", "lower", "upper"))
    is_price = rows.pop("priced") > 0
    return rows.assign(
        **{side: rows[side].where(~is_price, np.log(rows[side].where(is_price))) for side in ("lower", "upper")}
    )


def session_losses(
    conn: Connection,
    version: str,
    aim: Aim,
    start: Session | None = None,
    end: Session | None = None,
) -> pd.DataFrame:
    """Realized losses of one version by session, over the tickers whose outcome is known.

    Returns:
        Columns session, loss (mean squared error), baseline_loss (the same of a forecast of 0, which of returns is the
        random walk), rank_ic (Spearman correlation of forecast and outcome over the tickers; NaN when
        either is constant), n (tickers). Sessions from `start` to `end`, both included, in order.
    """
    pairs = settled(conn, version, aim, start, end)
    pairs["loss"] = _squared_error(pairs["forecast"], pairs["outcome"])
    pairs["baseline_loss"] = pairs["outcome"] ** 2
    by_session = pairs.groupby("session", sort=True)
    losses = by_session[["loss", "baseline_loss"]].mean()
    losses["rank_ic"] = _rank_correlation(pairs)
    losses["n"] = by_session.size()
    return losses.reset_index()


def paired_losses(
    conn: Connection,
    champion: str,
    challenger: str,
    aim: Aim,
    start: Session | None = None,
    statistic: Statistic = Statistic.SQUARED_ERROR,
) -> pd.DataFrame:
    """Realized losses of two versions by session over the tickers both forecast and whose outcome is known.

    Returns:
        Columns session, champion, challenger (losses of the statistic; infinite when a forecast was not finite), n
        (tickers), from `start` on, in order.
    """
    other = forecast.alias("other")
    same = and_(other.c.session == forecast.c.session, other.c.ticker == forecast.c.ticker)
    query = (
        select(
            forecast.c.session,
            forecast.c.ticker,
            forecast.c.value.label("a"),
            other.c.value.label("b"),
            outcome.c.value,
        )
        .join_from(forecast, other, same)
        .join(outcome, _settles(forecast, aim))
        .where(forecast.c.version == champion, other.c.version == challenger)
        .where(*_between(forecast, start, None))
    )
    pairs = _frame(conn, query, ("a", "b", "value")).set_index(["ticker", "session"])
    both = {name: losses_by_session(statistic, pairs[column], pairs["value"]) for name, column in _SIDES}
    return pd.DataFrame(both).assign(n=pairs.groupby(level="session").size()).reset_index()


_SIDES = (("champion", "a"), ("challenger", "b"))


def _settles(table: Table, aim: Aim) -> ColumnElement[bool]:
    return and_(
        outcome.c.session == table.c.session,
        outcome.c.ticker == table.c.ticker,
        outcome.c.horizon == aim.horizon,
        outcome.c.target == aim.target,
    )


def _between(table: Table, start: Session | None, end: Session | None) -> list[ColumnElement[bool]]:
    after = [] if start is None else [table.c.session >= iso(start)]
    return after if end is None else [*after, table.c.session <= iso(end)]


def _squared_error(forecasts: pd.Series[float], came_true: pd.Series[float]) -> pd.Series[float]:
    return ((forecasts - came_true) ** 2).fillna(np.inf)


def _rank_correlation(pairs: pd.DataFrame) -> pd.Series[float]:
    session = pairs["session"]
    x, y = (pairs.groupby("session")[name].rank() for name in ("forecast", "outcome"))
    x, y = (ranks - ranks.groupby(session).transform("mean") for ranks in (x, y))
    spread = ((x**2).groupby(session).sum() * (y**2).groupby(session).sum()) ** 0.5
    return (x * y).groupby(session).sum() / spread.where(spread > 0)


def _rows(frame: pd.DataFrame, table: Table) -> list[dict[str, Any]]:
    names = [column.name for column in table.columns]
    if missing := [name for name in names if name not in frame.columns]:
        raise BadInput(f"the rows for {table.name!r} lack {', '.join(missing)}.", "Add these columns.")
    return [dict(zip(names, row, strict=True)) for row in frame[names].itertuples(index=False, name=None)]


def _frame(conn: Connection, query: Select[Any], floats: tuple[str, ...]) -> pd.DataFrame:
    rows = conn.execute(query)
    frame = pd.DataFrame(rows.all(), columns=list(rows.keys()))
    frame["session"] = pd.to_datetime(frame["session"]).astype("datetime64[us]")
    return frame.astype(dict.fromkeys(floats, "float64"))
