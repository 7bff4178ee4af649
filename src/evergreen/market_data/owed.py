"""What a source still owes: bars of wanted tickers that were due and have not arrived.

The bar store tells what its last sessions lack; the ledger in the database remembers it however long it takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
import pandas as pd

from evergreen.adapters.database import owed, quarantine, reading, writing
from evergreen.adapters.database.owed import OwedBar, Settlement
from evergreen.core.bars.session import iso
from evergreen.errors import BadInput, NotFound
from evergreen.market_data.delivery import Order
from evergreen.workspace import Workspace

WINDOW = 20  # sessions, a month: a ticker silent for longer is taken for gone, and no further bars of it are due
OUTAGE = 63  # sessions, a quarter: a source silent for longer has ended, and its further sessions are not entered
STAYS_OUT = ("held", "discarded")  # quarantine cases whose bars are not waited for

Keys = pd.MultiIndex  # (ticker, session)


def missing_bars(at: Workspace, tickers: Sequence[str], clock: pd.Timestamp, until: pd.Timestamp) -> Keys:
    """The (ticker, session) that lack a bar, of the last sessions up to `clock` and of those to `until`.

    Due is a ticker that had a bar in the 20 sessions before the session or, in the 63 after `clock` (the session
    processed last), before that: a name that is new is not late, and one that has gone, or a source that has ended, is
    not waited for. What is in quarantine or was written off is not missing.
    """
    until = min(until, at.calendar.next(clock, OUTAGE))
    reach = at.calendar.next(clock, -2 * WINDOW)
    days = at.calendar.sessions(reach, until)
    bars = at.bars.as_of(tickers=list(tickers), start=reach, end=until)
    there = bars.assign(there=True).pivot(index="session", columns="ticker", values="there")
    there = there.reindex(days).notna()
    listed = ~at.listings.outside(_cells(there)).reshape(there.shape)
    walked = days <= clock
    lately = there.astype(int).rolling(WINDOW, min_periods=1).sum().shift(fill_value=0) > 0
    lately.loc[~walked] = there[walked].iloc[-WINDOW:].any().to_numpy()
    row, column = np.nonzero((lately & ~there).to_numpy()[WINDOW:] & listed[WINDOW:])
    keys = Keys.from_arrays([there.columns[column], days[WINDOW:][row]], names=["ticker", "session"])
    return keys[~keys.isin(_not_awaited(at, tickers, days))]


def _cells(there: pd.DataFrame) -> pd.DataFrame:
    """The ticker and session of each cell, row by row."""
    tickers, sessions = np.meshgrid(there.columns, there.index)
    return pd.DataFrame({"ticker": tickers.ravel(), "session": sessions.ravel()})


def late_orders(at: Workspace, source: str, tickers: Sequence[str], clock: pd.Timestamp) -> list[Order]:
    """An order for each session up to `clock` whose missing bars `source` has by now, oldest first."""
    missing = missing_bars(at, tickers, clock, clock).union(_on_ledger(at, tickers, clock))
    if not len(missing):
        return []
    days = pd.DatetimeIndex(missing.get_level_values("session"))
    late = sorted(set(missing.get_level_values("ticker")))
    delivery = at.source(source).fetch(late, days.min(), days.max())
    there = Keys.from_frame(delivery[["ticker", "session"]])
    arrived = missing[missing.isin(there)].to_frame(index=False)
    by_session = {day: tuple(arrived.loc[arrived["session"] == day, "ticker"]) for day in days.unique().sort_values()}
    return [Order(source, names, day, day) for day, names in by_session.items() if names]


def keep_ledger(
    at: Workspace, source: str, tickers: Sequence[str], clock: pd.Timestamp, until: pd.Timestamp, now: datetime
) -> list[OwedBar]:
    """Enter what is missing up to `until`, settle what has come or was refused by `now`; returns what stays owed."""
    with reading(at.engine) as conn:
        known = {bar.key: bar for bar in owed.open_bars(conn, tickers)}
    for ticker, session in missing_bars(at, tickers, clock, until):
        key = (str(ticker), iso(session))
        known.setdefault(key, OwedBar(ticker=key[0], session=key[1], source=source, since=now))
    settlements = _settlements(at, list(known.values()))
    ledger_rows = [_as_it_stands(at, bar, settlements.get(bar.key), now) for bar in known.values()]
    with writing(at.engine) as conn:
        owed.keep(conn, ledger_rows)
    return sorted((bar for bar in ledger_rows if bar.settlement is None), key=lambda bar: (bar.session, bar.ticker))


def mark_noticed(at: Workspace, bars: Sequence[OwedBar]) -> None:
    """Remember that people were told of these."""
    with writing(at.engine) as conn:
        owed.keep(conn, [replace(bar, noticed=True) for bar in bars])


def write_off(at: Workspace, session: str, ticker: str, reason: str, now: datetime) -> list[OwedBar]:
    """Wait no longer for the bars of `session` (of `ticker`; empty for all that are owed).

    Raises:
        NotFound: nothing of the kind is owed.
        BadInput: no reason.
    """
    if not reason.strip():
        raise BadInput("a reason is wanted.", "Say why with --reason: it stays on the ledger.")
    with writing(at.engine) as conn:
        bars = [bar for bar in owed.open_bars(conn) if bar.session == session and ticker in ("", bar.ticker)]
        if not bars:
            raise NotFound(f"no bar of {ticker or 'any ticker'} is owed for {session}.", "`evergreen data owed` lists.")
        owed.keep(conn, [replace(bar, settlement="written_off", settled_at=now, reason=reason) for bar in bars])
    return bars


def _as_it_stands(at: Workspace, bar: OwedBar, settlement: Settlement | None, now: datetime) -> OwedBar:
    """The bar as the ledger has it after a run; once the next session has closed its forecast is missed."""
    missed = bar.forecast_missed or at.calendar.close(at.calendar.next(pd.Timestamp(bar.session))) <= now
    settled_at = None if settlement is None else now
    return replace(bar, forecast_missed=missed, settlement=settlement, settled_at=settled_at)


def _settlements(at: Workspace, bars: Sequence[OwedBar]) -> dict[owed.Key, Settlement]:
    """What became of those that are no longer missing."""
    if not bars:
        return {}
    days = pd.DatetimeIndex([bar.session for bar in bars])
    tickers = sorted({bar.ticker for bar in bars})
    stored = at.bars.as_of(tickers=tickers, start=days.min(), end=days.max())
    arrived = {(str(ticker), iso(day)) for ticker, day in zip(stored["ticker"], stored["session"], strict=True)}
    refused = {(ticker, iso(day)) for ticker, day in _in_quarantine(at, tickers, days)}
    settled: dict[owed.Key, Settlement] = dict.fromkeys(refused, "refused")
    return settled | dict.fromkeys(arrived, "arrived")


def _on_ledger(at: Workspace, tickers: Sequence[str], until: pd.Timestamp) -> Keys:
    with reading(at.engine) as conn:
        bars = owed.open_bars(conn, tickers)
    keys = [(bar.ticker, pd.Timestamp(bar.session)) for bar in bars if bar.session <= iso(until)]
    return Keys.from_arrays(
        [[ticker for ticker, _ in keys], pd.DatetimeIndex([day for _, day in keys]).as_unit("us")],
        names=["ticker", "session"],
    )


def _not_awaited(at: Workspace, tickers: Sequence[str], days: pd.DatetimeIndex) -> list[tuple[str, pd.Timestamp]]:
    with reading(at.engine) as conn:
        given_up = owed.settled_bars(conn, "written_off")
    return [(bar.ticker, pd.Timestamp(bar.session)) for bar in given_up] + _in_quarantine(at, tickers, days)


def _in_quarantine(at: Workspace, tickers: Sequence[str], days: pd.DatetimeIndex) -> list[tuple[str, pd.Timestamp]]:
    """The sessions among `days` inside refused deliveries that are not waited for."""
    with reading(at.engine) as conn:
        cases = quarantine.in_states(conn, STAYS_OUT, tickers, iso(days.min()))
    return [(case.ticker, day) for case in cases for day in days if case.first_session <= iso(day) <= case.last_session]
