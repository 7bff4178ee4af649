"""The bar store: Parquet, one file a year, append-only, able to say what was known at any time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evergreen.adapters.bars.writing import LOCK, only_writer, replace
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.schema import COLUMNS, KEYS, NUMBERS, conform, empty_bars
from evergreen.core.bars.session import iso
from evergreen.errors import BadInput, Broken

SCHEMA = pa.schema(
    [
        ("ticker", pa.string()),
        ("session", pa.timestamp("us")),
        *((name, pa.float64()) for name in NUMBERS),
        ("source", pa.string()),
        ("known_at", pa.timestamp("us", tz="UTC")),
        ("known_at_assumed", pa.bool_()),
    ]
)
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


class BarStore:
    """Bars under `root`/bars: one Parquet file a year, sorted by ticker, session and `known_at`.

    Rows are only ever added, deliveries in the order they arrive. Each file is written aside and renamed, so
    a kill leaves every file whole; the same delivery again completes what was cut short and otherwise changes
    no byte.
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
        bars = _unique(conform(delivery)).assign(source=source, known_at=arrival, known_at_assumed=False)
        reports = []
        with only_writer(self.root / LOCK):
            for year, part in bars.groupby(bars["session"].dt.year, sort=True):
                reports.append(self._append_year(self._path(int(str(year))), part, arrival, assumed))
        return AppendReport(
            sum(report.added for report in reports),
            sum(report.restated for report in reports),
            sum(report.unchanged for report in reports),
        )

    def as_of(
        self,
        known_at: pd.Timestamp | None = None,
        tickers: Sequence[str] | None = None,
        start: pd.Timestamp | None = None,
        end: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """The bars from `start` to `end` (sessions, inclusive) as known at `known_at`, by default now."""
        instant = None if known_at is None else _instant(known_at)
        parts = [_in_force(rows, instant) for rows in self._read(tickers, start, end)]
        filled = [part for part in parts if len(part)]
        return conform(pd.concat(filled, ignore_index=True)) if filled else empty_bars()

    def sessions(self) -> pd.DatetimeIndex:
        """Every session of which a bar is stored."""
        days = [_load(path, columns=["session"])["session"].unique().to_pandas() for path in self._files()]
        return pd.DatetimeIndex(np.sort(pd.concat(days).to_numpy()) if days else [], dtype="datetime64[us]")

    def last_session(self) -> pd.Timestamp | None:
        """The newest session stored; None when empty."""
        days = self.sessions()
        return days[-1] if len(days) else None

    def changed_since(self, known_at: pd.Timestamp) -> pd.Timestamp | None:
        """The earliest session of which a bar became known after `known_at` (UTC); None when none did."""
        later = [("known_at", ">", known_at)]
        days = [pq.read_table(path, columns=["session"], filters=later)["session"] for path in self._files()]
        first = [pc.min(column).as_py() for column in days if len(column)]
        return pd.Timestamp(min(first)) if first else None

    def counts(self) -> tuple[int, int]:
        """How many bars are stored, and how many rows beside them restate one."""
        tables = [_load(path, columns=KEYS) for path in self._files()]
        bars = sum(table.group_by(KEYS).aggregate([]).num_rows for table in tables)
        return bars, sum(table.num_rows for table in tables) - bars

    def content_hash(self) -> str:
        """sha256 over every file's name and bytes: equal stores have equal hashes."""
        digest = hashlib.sha256()
        for path in self._files():
            digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def _append_year(self, path: Path, bars: pd.DataFrame, arrival: pd.Timestamp, assumed: bool) -> AppendReport:
        stored = _frame(_load(path)) if path.exists() else empty_bars()
        known = _matches(bars, stored[KEYS].drop_duplicates())["known"]
        news = ~_says_the_same(bars, _in_force(stored, arrival))
        fresh = news & ~known
        if assumed:
            stamps = bars["known_at"].mask(fresh, self._assumed(bars, arrival))
            bars = bars.assign(known_at=stamps, known_at_assumed=fresh)
        if news.any():
            self._write(path, pd.concat([stored, bars[news]], ignore_index=True) if len(stored) else bars)
        return AppendReport(int(fresh.sum()), int((news & known).sum()), int((~news).sum()))

    def _assumed(self, bars: pd.DataFrame, arrival: pd.Timestamp) -> pd.Series:
        closes = self.calendar.closes(pd.DatetimeIndex(bars["session"]))
        stamps = pd.Series(closes + self.delay, index=bars.index)
        return stamps.where(stamps < arrival, arrival)

    def _write(self, path: Path, bars: pd.DataFrame) -> None:
        write_bars(path, bars.sort_values([*KEYS, "known_at"], kind="stable"), self.root / ".aside")

    def _read(
        self, tickers: Sequence[str] | None, start: pd.Timestamp | None, end: pd.Timestamp | None
    ) -> list[pd.DataFrame]:
        first = start if start is not None else pd.Timestamp.min
        last = end if end is not None else pd.Timestamp.max
        parts = []
        for path in self._files():
            if first.year <= int(path.stem.removeprefix("year=")) <= last.year:
                parts.append(_frame(_load(path, _among(tickers, start, end))))
        return parts

    def _path(self, year: int) -> Path:
        return self.folder / f"year={year:04d}.parquet"

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("year=*.parquet"))


def write_bars(path: Path, bars: pd.DataFrame, aside: Path, schema: pa.Schema = SCHEMA) -> None:
    """Write bars as Parquet, aside and then renamed: equal bars give equal bytes."""
    table = pa.Table.from_pandas(bars[schema.names], schema=schema, preserve_index=False)
    plain = table.replace_schema_metadata(None)  # pandas' own would vary with its version
    replace(path, lambda draft: pq.write_table(plain, draft, compression="zstd"), aside)


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
    """The last row of each ticker and session known by `known_at`; `rows` are in the store's order."""
    known = rows if known_at is None else rows[rows["known_at"] <= known_at]
    return known[~known.duplicated(KEYS, keep="last")]


def _among(
    tickers: Sequence[str] | None, start: pd.Timestamp | None, end: pd.Timestamp | None
) -> list[tuple[str, str, Any]] | None:
    """What Parquet's reader leaves out, so that no row of a year becomes an object for nothing."""
    of_sessions = [("session", sign, day) for sign, day in ((">=", start), ("<=", end)) if day is not None]
    of_tickers = [("ticker", "in", list(tickers))] if tickers is not None else []
    return [*of_sessions, *of_tickers] or None


def _load(path: Path, filters: list[tuple[str, str, Any]] | None = None, columns: list[str] | None = None) -> pa.Table:
    try:
        return pq.read_table(path, schema=SCHEMA, columns=columns, filters=filters, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise Broken(
            f"{path} is not a readable partition of the bar store: {error}.",
            "Bring it back with `evergreen data checkout`.",
        ) from None


def _frame(table: pa.Table) -> pd.DataFrame:
    """A table as bars, each ticker one shared string."""
    return pd.DataFrame(table.to_pandas(deduplicate_objects=True, date_as_object=False), columns=list(COLUMNS))
