"""The bar store: Parquet in parts that are never rewritten, append-only, able to say what was known at any time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.adapters.bars import parts
from evergreen.adapters.bars.parquet import (
    ORDER,
    Filters,
    contents_of,
    frame,
    load,
    merge_bars,
    newest_arrival,
    read_contents,
    write_bars,
)
from evergreen.adapters.bars.writing import LOCK, only_writer
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.schema import KEYS, NUMBERS, conform, empty_bars, is_conformed
from evergreen.core.bars.session import iso
from evergreen.errors import BadInput, Broken

T = TypeVar("T")
ASSUMED_DELAY = timedelta(minutes=30)  # after the close: when end-of-day bars are usually final


@dataclass(frozen=True)
class AppendReport:
    """What a delivery did: bars new to the store, bars that restate one, bars it already knew."""

    added: int
    restated: int
    unchanged: int

    @property
    def changed(self) -> bool:
        """Whether the store holds anything it did not."""
        return self.added + self.restated > 0

    def __add__(self, other: AppendReport) -> AppendReport:
        """Both deliveries as one."""
        return AppendReport(self.added + other.added, self.restated + other.restated, self.unchanged + other.unchanged)


@dataclass(frozen=True)
class _News:
    """Bars as they are to be stored, so many of them of a ticker and session that the store does not have."""

    bars: pd.DataFrame
    fresh: int


class BarStore:
    """Bars under `root`/bars, in Parquet files sorted by ticker, session and `known_at`; `parts` says which.

    Rows are only ever added, deliveries in the order they arrive: a delivery is a file for each year it begins and
    one for the rest. Each file is written aside and renamed, so a kill leaves every file whole; the same delivery
    again completes what was cut short and otherwise changes no byte.
    """

    def __init__(self, root: Path, calendar: Calendar, delay: timedelta = ASSUMED_DELAY) -> None:
        self.root = Path(root)
        self.folder = self.root / "bars"
        self.calendar = calendar
        self.delay = delay

    def append(
        self, delivery: pd.DataFrame, known_at: pd.Timestamp, source: str, assumed: bool = False
    ) -> AppendReport:
        """Add what `delivery` says that was not known at `known_at` (UTC, aware), its time of arrival.

        A bar equal in all numbers to the one in force then is not stored again. With `assumed` a bar of a
        ticker and session the store never had counts as known 30 minutes after its session closed (never
        later than `known_at`) and is marked so: history loaded at once would otherwise be invisible to a
        training join. What restates a stored bar always carries its true arrival.

        Raises:
            BadInput: `known_at` without a zone, or a ticker and session twice.
            Broken: a stored file that cannot be read.
            Unavailable, BadSetting: the folder is busy or cannot be written.
        """
        arrival = _instant(known_at)
        bars = _unique(delivery if is_conformed(delivery) else conform(delivery))
        with only_writer(self.root / LOCK):
            report = self._append(bars, arrival, source, assumed)
            parts.merge_finished(self.folder, lambda paths, target: merge_bars(paths, target, self._aside))
        return report

    def as_of(
        self,
        known_at: pd.Timestamp | None = None,
        tickers: Sequence[str] | None = None,
        start: pd.Timestamp | None = None,
        end: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """The bars from `start` to `end` (sessions, inclusive) as known at `known_at`, by default now."""
        instant = None if known_at is None else _instant(known_at)
        return conform(_in_force(self._rows(tickers, start, end), instant))

    def sessions(self) -> pd.DatetimeIndex:
        """Every session of which a bar is stored."""
        days = {day for contents in self._each(read_contents) for day in contents.sessions}
        return pd.DatetimeIndex(sorted(days), dtype="datetime64[us]")

    def last_session(self) -> pd.Timestamp | None:
        """The newest session stored; None when empty."""
        days = self.sessions()
        return days[-1] if len(days) else None

    def changed_since(self, known_at: pd.Timestamp) -> pd.Timestamp | None:
        """The earliest session of which a bar became known after `known_at` (UTC); None when none did."""

        def first(path: Path) -> list[pd.Timestamp]:
            if newest_arrival(path) <= known_at:
                return []
            return [pd.Timestamp(pc.min(load(path, [("known_at", ">", known_at)], ["session"])["session"]).as_py())]

        return min((day for days in self._each(first) for day in days), default=None)

    def counts(self) -> tuple[int, int]:
        """How many bars are stored, and how many rows beside them restate one."""
        each = self._each(read_contents)
        return sum(contents.bars for contents in each), sum(contents.restatements for contents in each)

    def content_hash(self) -> str:
        """sha256 over every file's name and bytes: equal after the same deliveries in the same order."""
        digest = hashlib.sha256()
        for path in sorted(self._files()):
            digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def _append(self, bars: pd.DataFrame, arrival: pd.Timestamp, source: str, assumed: bool) -> AppendReport:
        """Write a file for each year that has none, then one for what is new of the others."""
        report, later = AppendReport(0, 0, 0), []
        for year, of_year in bars.groupby(bars["session"].dt.year, sort=True):
            stamped = of_year.assign(source=source, known_at=arrival, known_at_assumed=False)
            news, file = self._news(stamped, arrival, assumed), parts.of_year(self.folder, int(str(year)))
            if file.exists():
                later.append(news)
            elif len(news.bars):
                self._write(file, news)
            report += AppendReport(news.fresh, len(news.bars) - news.fresh, len(of_year) - len(news.bars))
        if any(len(news.bars) for news in later):
            rows = pd.concat([news.bars for news in later])
            days = iso(rows["session"].min()), iso(rows["session"].max())
            self._write(parts.following(self.folder, *days), _News(rows, sum(news.fresh for news in later)))
        return report

    def _news(self, bars: pd.DataFrame, arrival: pd.Timestamp, assumed: bool) -> _News:
        """Of bars of one year those that say something new, as they are to be stored."""
        stored = self._rows(None, bars["session"].min(), bars["session"].max())
        known = _matches(bars, stored[KEYS].drop_duplicates())["known"]
        news = ~_says_the_same(bars, _in_force(stored, arrival))
        fresh = news & ~known
        if assumed:
            stamps = bars["known_at"].mask(fresh, self._assumed(bars, arrival))
            bars = bars.assign(known_at=stamps, known_at_assumed=fresh)
        return _News(bars[news], int(fresh.sum()))

    def _assumed(self, bars: pd.DataFrame, arrival: pd.Timestamp) -> pd.Series:
        closes = self.calendar.closes(pd.DatetimeIndex(bars["session"]))
        stamps = pd.Series(closes + self.delay, index=bars.index)
        return stamps.where(stamps < arrival, arrival)

    def _write(self, path: Path, news: _News) -> None:
        parts.remove_merged(self.folder)
        ordered = news.bars.sort_values(ORDER, kind="stable")
        write_bars(path, ordered, self._aside, contents=contents_of(ordered, news.fresh))

    def _rows(
        self, tickers: Sequence[str] | None, start: pd.Timestamp | None, end: pd.Timestamp | None
    ) -> pd.DataFrame:
        """All that was ever stored of them, in the order of arrival."""
        filters = _among(tickers, start, end)
        days = parts.FIRST_DAY if start is None else iso(start), parts.LAST_DAY if end is None else iso(end)
        tables = self._each(lambda path: load(path, filters), *days)
        return frame(pa.concat_tables(tables)) if tables else empty_bars()

    def _each(self, read: Callable[[Path], T], first: str = parts.FIRST_DAY, last: str = parts.LAST_DAY) -> list[T]:
        """What `read` makes of each file that may hold rows of those days; anew where a part was merged meanwhile."""
        while True:
            standing = parts.standing(self._files(), first, last)
            try:
                return [read(part.path) for part in standing]
            except FileNotFoundError as gone:
                if parts.standing(self._files(), first, last) == standing:
                    raise Broken(f"a part is gone: {gone}.", "`evergreen doctor` says how it comes back.") from None

    def _files(self) -> list[Path]:
        return [*self.folder.glob("year=*.parquet"), *self.folder.glob("part-*.parquet")]

    @property
    def _aside(self) -> Path:
        return self.root / ".aside"


def _instant(known_at: pd.Timestamp) -> pd.Timestamp:
    if known_at.tzinfo is None:
        raise BadInput(f"known_at {known_at} has no zone.", "Pass an aware time, in UTC.")
    return known_at.tz_convert("UTC").as_unit("us")


def _unique(bars: pd.DataFrame) -> pd.DataFrame:
    twice = bars.duplicated(KEYS)
    if twice.any():
        bar = bars[twice].iloc[0]
        raise BadInput(f"{bar['ticker']} {iso(bar['session'])} comes twice in the delivery.", "Validate it first.")
    return bars


def _says_the_same(bars: pd.DataFrame, in_force: pd.DataFrame) -> pd.Series:
    """Which of `bars` have the very numbers of the bar in force, NaN equal to NaN."""
    stored = _matches(bars, in_force[[*KEYS, *NUMBERS]])
    ours, theirs = bars[list(NUMBERS)], stored[list(NUMBERS)]
    alike = ours.eq(theirs) | (ours.isna() & theirs.isna())
    return alike.all(axis=1) & stored["known"]


def _matches(bars: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """For each of `bars` its row among `rows` (one a ticker and session), and whether there is one."""
    matches = bars[KEYS].merge(rows.assign(known=True), on=KEYS, how="left")
    return matches.assign(known=matches["known"].notna()).set_axis(bars.index)


def _in_force(rows: pd.DataFrame, known_at: pd.Timestamp | None) -> pd.DataFrame:
    """The last row of each ticker and session known by `known_at`; of one instant the last of `rows`."""
    known = rows if known_at is None else rows[rows["known_at"] <= known_at]
    several = known.duplicated(KEYS, keep=False)
    if not several.any():
        return known
    versions = known[several].sort_values("known_at", kind="stable")
    return pd.concat([known[~several], versions[~versions.duplicated(KEYS, keep="last")]])


def _among(tickers: Sequence[str] | None, start: pd.Timestamp | None, end: pd.Timestamp | None) -> Filters | None:
    """What Parquet's reader leaves out, so that no row of a file becomes an object for nothing."""
    of_sessions = [("session", sign, day) for sign, day in ((">=", start), ("<=", end)) if day is not None]
    of_tickers = [("ticker", "in", list(tickers))] if tickers is not None else []
    return [*of_sessions, *of_tickers] or None
