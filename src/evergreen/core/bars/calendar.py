"""The exchange's sessions: which days trade, when they close, and how far apart they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.bars.session import iso
from evergreen.errors import BadInput, BadSetting

FIRST_YEAR = 1990  # what most histories need: a longer record takes longer to read
EARLIEST_YEAR = 1953  # New York traded on Saturdays until September 1952, which exchange_calendars does not know
PANDAS_HOLIDAYS = pd.Timestamp("1970-01-01")  # pandas lists no holiday before it unless asked for a span
RECENT = 250  # sessions, about a year: what is usual now
RARE = 0.05  # of the sessions: a day of the week with fewer has them by exception
SAME_SESSIONS = {"XNSE": "XBOM", "NSE": "XBOM"}  # exchanges that exchange_calendars lacks, and one with their sessions


@dataclass(frozen=True)
class Calendar:
    """The sessions of one exchange, by its name in exchange_calendars; sessions are naive midnights in microseconds.

    `special` are sessions that exchange_calendars does not know: when each closed, on the exchange's own clock; a
    midnight stands for the usual time. What is read is kept for the process: two equal calendars cost no more than one.
    """

    exchange: str
    special: tuple[datetime, ...] = ()

    @property
    def zone(self) -> str:
        """The exchange's time zone, by its IANA name."""
        return self._from(FIRST_YEAR).zone

    @property
    def weekdays(self) -> list[int]:
        """The days of the week on which there are sessions as a rule; Monday is 0."""
        days = self._from(FIRST_YEAR).sessions[-RECENT:].dayofweek
        return np.flatnonzero(np.bincount(days) > RARE * RECENT).tolist()

    @property
    def usual_close(self) -> pd.Timedelta:
        """The usual time of the close, from the session's midnight on the exchange's clock."""
        record = self._from(FIRST_YEAR)
        local = record.closes[-RECENT:].tz_convert(record.zone).tz_localize(None) - record.sessions[-RECENT:]
        return pd.Timedelta(local.to_series().mode().iloc[0])

    def sessions(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DatetimeIndex:
        """Sessions from `start` to `end`, both inclusive.

        Raises:
            BadSetting: no such calendar.
            BadInput: a date beyond what the calendar records.
        """
        days = self._covering(pd.Timestamp(start), pd.Timestamp(end)).sessions
        first = days.searchsorted(pd.Timestamp(start), side="left")
        return days[first : days.searchsorted(pd.Timestamp(end), side="right")]

    def closed(self, start: pd.Timestamp, now: datetime) -> pd.DatetimeIndex:
        """Sessions from `start` to the last one closed at `now`: what bars from `start` on are judged against.

        A `start` before all records, or NaT, means from the first session on record.
        """
        last = self.last_before(now)
        early = pd.isna(start) or start.year < FIRST_YEAR
        first = self._from(EARLIEST_YEAR if early else FIRST_YEAR).first
        return self.sessions(first if pd.isna(start) else min(max(start, first), last), last)

    def close(self, session: pd.Timestamp) -> pd.Timestamp:
        """The instant `session` closes, UTC; early closes and daylight saving included."""
        instant: pd.Timestamp = self.closes(pd.DatetimeIndex([session]))[0]
        return instant

    def closes(self, days: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """The closing instants of `days` (sessions in any order, repeats allowed), UTC.

        Raises:
            BadInput: one of `days` is no session.
        """
        if not len(days):
            return pd.DatetimeIndex([], dtype="datetime64[us, UTC]")
        record = self._covering(days.min(), days.max())
        return record.closes[self._positions(record, days)]

    def next_opens(self, days: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """The instants at which the session after each of `days` (sessions in any order) opens, UTC.

        Raises:
            BadInput: one of `days` is no session, or the last on record.
        """
        if not len(days):
            return pd.DatetimeIndex([], dtype="datetime64[us, UTC]")
        record = self._covering(days.min(), self.next(days.max()))
        return record.opens[self._positions(record, days) + 1]

    def next(self, session: pd.Timestamp, n: int = 1) -> pd.Timestamp:
        """The `n`-th session after `session` (before it when `n` is negative); `session` may be any day.

        With `n` 0 it is `session` itself, which must then be one.
        """
        day = pd.Timestamp(session)
        record = self._covering(day, day)
        if n == 0:
            self._positions(record, pd.DatetimeIndex([day]))
            return day
        after = record.sessions.searchsorted(day, side="right" if n > 0 else "left")
        position = int(after) + (n - 1 if n > 0 else n)
        if not 0 <= position < len(record.sessions):
            raise BadInput(f"{self.exchange} has no session {n:+d} from {iso(day)} on record.", record.span)
        return record.sessions[position]

    def target_session(self, session: pd.Timestamp, horizon: int) -> str | None:
        """The session that a forecast from `session` is for, as text; None where the record does not reach so far."""
        try:
            return iso(self.next(session, horizon))
        except BadInput:
            return None

    def between(self, a: pd.Timestamp, b: pd.Timestamp) -> int:
        """How many sessions lie in (a, b]; negative when `b` is before `a`."""
        first, last = pd.Timestamp(a), pd.Timestamp(b)
        days = self._covering(min(first, last), max(first, last)).sessions
        return int(days.searchsorted(last, side="right")) - int(days.searchsorted(first, side="right"))

    def last_before(self, now: datetime) -> pd.Timestamp:
        """The last session closed at `now` (aware): the newest whose bars can be complete."""
        if now.tzinfo is None:
            raise BadInput(f"the time {now} has no zone.", "Pass an aware time, in UTC.")
        instant = pd.Timestamp(now).tz_convert("UTC")
        day = instant.tz_localize(None).normalize()
        record = self._covering(day, day)
        position = int(record.closes.searchsorted(instant, side="right")) - 1
        if position < 0:
            raise BadInput(f"{self.exchange} has no session closed by {instant}.", record.span)
        return record.sessions[position]

    def _positions(self, record: _Record, days: pd.DatetimeIndex) -> NDArray[np.intp]:
        positions = record.sessions.get_indexer(days.as_unit("us"))
        if (positions < 0).any():
            stranger = days[positions < 0][0]
            raise BadInput(f"{iso(stranger)} is not a session of {self.exchange}.", "Give a trading day.")
        return positions

    def _from(self, year: int) -> _Record:
        return _record(self.exchange, self.special, year)

    def _covering(self, start: pd.Timestamp, end: pd.Timestamp) -> _Record:
        """The record of a span that holds `start` and `end`, decades before 1990 only when asked for."""
        record = self._from(FIRST_YEAR if start.year >= FIRST_YEAR else EARLIEST_YEAR)
        if start < record.first or end > record.sessions[-1]:
            outside = start if start < record.first else end
            raise BadInput(f"{iso(outside)} is outside the {self.exchange} calendar.", record.span)
        return record


class _Record(NamedTuple):
    sessions: pd.DatetimeIndex
    opens: pd.DatetimeIndex
    closes: pd.DatetimeIndex
    first: pd.Timestamp
    zone: str

    @property
    def span(self) -> str:
        return f"It is known from {iso(self.first)} to {iso(self.sessions[-1])}."


@lru_cache(maxsize=32)
def _record(exchange: str, special: tuple[datetime, ...], year: int) -> _Record:
    first, book = _book(_known_name(exchange), pd.Timestamp(f"{year}-01-01"))
    hours = pd.DataFrame(
        {name: pd.DatetimeIndex(getattr(book, name).to_numpy(), tz="UTC") for name in ("opens", "closes")},
        index=book.sessions.to_numpy(),
    )
    if first < PANDAS_HOLIDAYS and book.regular_holidays is not None:
        hours = hours.drop(book.regular_holidays.holidays(first, PANDAS_HOLIDAYS), errors="ignore")
    if special:
        own = {pd.Timestamp(end).normalize(): _special_hours(book, pd.Timestamp(end)) for end in special}
        strange = pd.DataFrame.from_dict(own, orient="index", columns=["opens", "closes"])
        hours = pd.concat([hours.drop(strange.index, errors="ignore"), strange]).sort_index()
    days = pd.DatetimeIndex(hours.index).as_unit("us")
    opens, closes = (pd.DatetimeIndex(hours[name]).as_unit("us") for name in ("opens", "closes"))
    return _Record(days, opens, closes, min(first, days[0]), str(book.tz))


def _special_hours(book: Any, end: pd.Timestamp) -> tuple[pd.Timestamp, pd.Timestamp]:
    """The usual opening of a special session, and its close; a midnight stands for the usual time."""
    opening, close = (pd.Timedelta(str(times[-1][1])) for times in (book.open_times, book.close_times))
    closed = end + close if end == end.normalize() else end
    hours = pd.DatetimeIndex([min(end.normalize() + opening, closed), closed])
    opened_at, closed_at = hours.tz_localize(book.tz).tz_convert("UTC")
    return opened_at, closed_at


def _book(exchange: str, first: pd.Timestamp) -> tuple[pd.Timestamp, Any]:
    """The exchange in exchange_calendars from `first` on, or from when it was founded or recorded."""
    import exchange_calendars

    try:
        return first, exchange_calendars.get_calendar(exchange, start=first)
    except ValueError:
        founded = type(exchange_calendars.get_calendar(exchange)).bound_min()
        return founded, exchange_calendars.get_calendar(exchange, start=founded)


def _known_name(exchange: str) -> str:
    """`exchange` as exchange_calendars writes it, whatever its case.

    Raises:
        BadSetting: there is none, with those of near names.
    """
    import exchange_calendars

    names = {name.upper(): name for name in exchange_calendars.get_calendar_names(include_aliases=True)}
    upper = exchange.strip().upper()
    if upper in names:
        return str(names[upper])
    advice = "Name one of exchange_calendars, such as XNYS."
    if near := [names[name] for name in get_close_matches(upper, names, n=4, cutoff=0.5)]:
        advice = f"Near it: {', '.join(near)}."
    if twin := SAME_SESSIONS.get(upper):
        advice = f"Use {twin}, whose sessions it shares."
    raise BadSetting(f"there is no exchange calendar {exchange!r}.", advice)
