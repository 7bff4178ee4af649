"""The exchange's sessions: which days trade, when they close, and how far apart they are."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.errors import BadInput, BadSetting

FIRST_YEAR = 1990
EARLIEST_YEAR = 1970  # before it exchange_calendars has no regular holidays: every weekday would be a session


class _Exchange(NamedTuple):
    sessions: pd.DatetimeIndex
    closes: pd.DatetimeIndex
    first: pd.Timestamp

    @property
    def span(self) -> str:
        return f"It is known from {self.first:%Y-%m-%d} to {self.sessions[-1]:%Y-%m-%d}."


def sessions(calendar: str, start: pd.Timestamp, end: pd.Timestamp) -> pd.DatetimeIndex:
    """Sessions from `start` to `end`, both inclusive, as naive midnights in microseconds.

    Raises:
        BadSetting: no such calendar.
        BadInput: a date beyond what the calendar records.
    """
    exchange = _covering(calendar, pd.Timestamp(start), pd.Timestamp(end))
    first = exchange.sessions.searchsorted(pd.Timestamp(start), side="left")
    last = exchange.sessions.searchsorted(pd.Timestamp(end), side="right")
    return exchange.sessions[first:last]


def closed_sessions(calendar: str, start: pd.Timestamp, now: datetime) -> pd.DatetimeIndex:
    """Sessions from `start` to the last one closed at `now`: what bars from `start` on are judged against.

    A `start` before all records, or NaT, means from the first session on record.
    """
    last = last_session(calendar, now)
    early = pd.isna(start) or start.year < FIRST_YEAR
    first = _exchange(calendar, EARLIEST_YEAR if early else FIRST_YEAR).first
    return sessions(calendar, first if pd.isna(start) else min(max(start, first), last), last)


def session_close(calendar: str, session: pd.Timestamp) -> pd.Timestamp:
    """The instant `session` closes, UTC; early closes and daylight saving included."""
    close: pd.Timestamp = session_closes(calendar, pd.DatetimeIndex([session]))[0]
    return close


def session_closes(calendar: str, days: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """The closing instants of `days` (sessions in any order, repeats allowed), UTC.

    Raises:
        BadInput: one of `days` is no session.
    """
    if not len(days):
        return pd.DatetimeIndex([], dtype="datetime64[us, UTC]")
    exchange = _covering(calendar, days.min(), days.max())
    return exchange.closes[_positions(calendar, exchange, days)]


def next_session(calendar: str, session: pd.Timestamp, n: int = 1) -> pd.Timestamp:
    """The `n`-th session after `session` (before it when `n` is negative); `session` may be any day.

    With `n` 0 it is `session` itself, which must then be one.
    """
    day = pd.Timestamp(session)
    exchange = _covering(calendar, day, day)
    if n == 0:
        _positions(calendar, exchange, pd.DatetimeIndex([day]))
        return day
    after = exchange.sessions.searchsorted(day, side="right" if n > 0 else "left")
    position = int(after) + (n - 1 if n > 0 else n)
    if not 0 <= position < len(exchange.sessions):
        raise BadInput(f"{calendar} has no session {n:+d} from {day:%Y-%m-%d} on record.", exchange.span)
    return exchange.sessions[position]


def sessions_between(calendar: str, a: pd.Timestamp, b: pd.Timestamp) -> int:
    """How many sessions lie in (a, b]; negative when `b` is before `a`."""
    first, last = pd.Timestamp(a), pd.Timestamp(b)
    days = _covering(calendar, min(first, last), max(first, last)).sessions
    return int(days.searchsorted(last, side="right")) - int(days.searchsorted(first, side="right"))


def last_session(calendar: str, now: datetime) -> pd.Timestamp:
    """The last session closed at `now` (aware): the newest whose bars can be complete."""
    if now.tzinfo is None:
        raise BadInput(f"the time {now} has no zone.", "Pass an aware time, in UTC.")
    instant = pd.Timestamp(now).tz_convert("UTC")
    day = instant.tz_localize(None).normalize()
    exchange = _covering(calendar, day, day)
    position = int(exchange.closes.searchsorted(instant, side="right")) - 1
    if position < 0:
        raise BadInput(f"{calendar} has no session closed by {instant}.", exchange.span)
    return exchange.sessions[position]


def _positions(calendar: str, exchange: _Exchange, days: pd.DatetimeIndex) -> NDArray[np.intp]:
    positions = exchange.sessions.get_indexer(days.as_unit("us"))
    if (positions < 0).any():
        stranger = days[positions < 0][0]
        raise BadInput(f"{stranger:%Y-%m-%d} is not a session of {calendar}.", "Give a trading day.")
    return positions


def _covering(calendar: str, start: pd.Timestamp, end: pd.Timestamp) -> _Exchange:
    """The exchange over a span that holds `start` and `end`, decades before 1990 only when asked for."""
    exchange = _exchange(calendar, FIRST_YEAR if start.year >= FIRST_YEAR else EARLIEST_YEAR)
    if start < exchange.first or end > exchange.sessions[-1]:
        outside = start if start < exchange.first else end
        raise BadInput(f"{outside:%Y-%m-%d} is outside the {calendar} calendar.", exchange.span)
    return exchange


@lru_cache(maxsize=32)
def _exchange(calendar: str, year: int) -> _Exchange:
    import exchange_calendars

    first = pd.Timestamp(f"{year}-01-01")
    try:
        book = exchange_calendars.get_calendar(calendar, start=first)
    except exchange_calendars.errors.InvalidCalendarName:
        raise BadSetting(
            f"there is no exchange calendar {calendar!r}.",
            "Name one of exchange_calendars, such as XNYS.",
        ) from None
    except ValueError:  # founded, or recorded, only after `first`
        first = type(exchange_calendars.get_calendar(calendar)).bound_min()
        book = exchange_calendars.get_calendar(calendar, start=first)
    days = pd.DatetimeIndex(book.sessions.to_numpy()).as_unit("us")
    closes = pd.DatetimeIndex(book.closes.to_numpy(), tz="UTC").as_unit("us")
    return _Exchange(days, closes, first)
