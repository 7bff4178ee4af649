"""What an author of a source runs on it: `check_source` says what a source of bars promises and holds it to that."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evergreen.adapters.bars import BarSource, ReportingSource
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.schema import KEYS, NUMBERS, SUPPLIED
from evergreen.core.quality import Finding

ABSENT = "NO-SUCH-TICKER"


def check_source(source: BarSource, start: pd.Timestamp, end: pd.Timestamp) -> None:
    """Ask a source for what it has from `start` to `end` (sessions, inclusive) in every way the loop does.

    Raises:
        AssertionError: a promise of `BarSource` that it does not keep, in one sentence.
    """
    _require(bool(source.name), "its name is empty: it is stored with every bar")
    Calendar(source.calendar).sessions(start, end)
    tickers = source.tickers()
    _require(bool(tickers), "it has no tickers")
    _require(tickers == sorted(set(tickers)), "its tickers are not sorted, or come twice")
    bars = source.fetch(tickers, start, end)
    _require(len(bars) > 0, f"it has no bar from {start.date()} to {end.date()}")
    _check_bars(bars, tickers, start, end)
    _check_questions(source, bars, tickers, start, end)
    if isinstance(source, ReportingSource):
        _require(all(isinstance(each, Finding) for each in source.findings()), "its findings are not `Finding`s")


def _check_bars(bars: pd.DataFrame, tickers: list[str], start: pd.Timestamp, end: pd.Timestamp) -> None:
    """Form and content of one answer."""
    _require(tuple(bars.columns) == SUPPLIED, f"its columns are {list(bars.columns)}, not {list(SUPPLIED)}")
    days = bars["session"]
    _require(str(days.dtype).startswith("datetime64") and "UTC" not in str(days.dtype), "sessions are no naive dates")
    _require((days == days.dt.normalize()).all(), "a session has a time of day")
    _require(((days >= start) & (days <= end)).all(), "it gives sessions that were not asked for")
    _require(set(bars["ticker"]) <= set(tickers), "it gives tickers that it does not list")
    _require(all(bars[name].dtype == "float64" for name in NUMBERS), "its numbers are not float64")
    _require(not bars.duplicated(KEYS).any(), "a ticker has two bars of one session")
    _require((bars["factor"] > 0).all(), "a factor is not above zero: raw prices whose factor is unknown have 1.0")


def _check_questions(
    source: BarSource, bars: pd.DataFrame, tickers: list[str], start: pd.Timestamp, end: pd.Timestamp
) -> None:
    """The same bars, however they are asked for."""
    again = source.fetch(tickers, start, end)
    _require(_ordered(again).equals(_ordered(bars)), "the same question twice has two answers")
    again.loc[:, "close"] = 0.0
    _require(
        _ordered(source.fetch(tickers, start, end)).equals(_ordered(bars)), "an answer changes when it is written to"
    )
    middle = bars["session"].sort_values().iloc[len(bars) // 2]
    halves = [source.fetch(tickers, start, middle), source.fetch(tickers, middle + pd.Timedelta(days=1), end)]
    parts = _ordered(pd.concat([half for half in halves if len(half)]))
    _require(_same_keys(parts, bars), "two halves of a span do not give the bars of the whole: both ends belong to it")
    alone = source.fetch(tickers[:1], start, end)
    _require(_same_keys(alone, bars[bars["ticker"] == tickers[0]]), "one ticker alone has other bars than among all")
    _require(source.fetch([], start, end).empty, "asked for no ticker it gives bars")
    _require(source.fetch([ABSENT], start, end).empty, "a ticker that it does not have is not simply absent")


def _same_keys(a: pd.DataFrame, b: pd.DataFrame) -> bool:
    """Prices may be adjusted for what came after a span; which bars there are may not depend on it."""
    return bool(_ordered(a)[KEYS].equals(_ordered(b)[KEYS]))


def _ordered(bars: pd.DataFrame) -> pd.DataFrame:
    return bars.sort_values(KEYS, ignore_index=True)


def _require(holds: bool | np.bool_, otherwise: str) -> None:
    if not holds:
        raise AssertionError(f"This source cannot be relied on: {otherwise}.")
