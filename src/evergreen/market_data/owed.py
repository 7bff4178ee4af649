"""What a source still owes: bars of wanted tickers that have not arrived, as the bar store itself tells."""

from __future__ import annotations

import pandas as pd

from evergreen.adapters.bars import open_source
from evergreen.adapters.database import quarantine, reading
from evergreen.core.bars.session import iso
from evergreen.market_data.delivery import Order
from evergreen.workspace import Workspace

WINDOW = 20  # sessions, a month: what has not come by then is history, and `backfill` brings it


def missing_bars(at: Workspace, tickers: list[str], until: pd.Timestamp) -> pd.MultiIndex:
    """The (ticker, session) of the last sessions to `until` that have no bar, and none in quarantine."""
    known = at.bars.sessions()
    if not len(known):
        return pd.MultiIndex.from_product([[], []], names=["ticker", "session"])
    first = max(at.calendar.next(until, -WINDOW), known.min())
    days = at.calendar.sessions(first, until)
    expected = pd.MultiIndex.from_product([tickers, days], names=["ticker", "session"])
    there = pd.MultiIndex.from_frame(at.bars.as_of(start=first, end=until)[["ticker", "session"]])
    return expected[~expected.isin(there) & ~expected.isin(_refused(at, tickers, days))]


def late_orders(at: Workspace, source: str, tickers: list[str], until: pd.Timestamp) -> list[Order]:
    """An order for each session up to `until` whose missing bars `source` has by now, oldest first."""
    missing = missing_bars(at, tickers, until)
    if not len(missing):
        return []
    days = pd.DatetimeIndex(missing.get_level_values("session"))
    late = sorted(set(missing.get_level_values("ticker")))
    delivery = open_source(source, at.calendar.exchange).fetch(late, days.min(), days.max())
    there = pd.MultiIndex.from_frame(delivery[["ticker", "session"]])
    arrived = missing[missing.isin(there)].to_frame(index=False)
    by_session = {day: tuple(arrived.loc[arrived["session"] == day, "ticker"]) for day in days.unique().sort_values()}
    return [Order(source, names, day, day) for day, names in by_session.items() if names]


def _refused(at: Workspace, tickers: list[str], days: pd.DatetimeIndex) -> list[tuple[str, pd.Timestamp]]:
    with reading(at.engine) as conn:
        cases = quarantine.unsettled(conn, tickers)
    return [(case.ticker, day) for case in cases for day in days if case.first_session <= iso(day) <= case.last_session]
