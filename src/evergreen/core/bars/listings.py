"""Which names are traded when: listed, delisted, renamed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.bars.session import iso
from evergreen.errors import BadSetting

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Listing:
    """A name and the sessions it is traded on, `first` and `last` included; None where that side is open.

    `renamed_to` is what the same company is called after `last`.
    """

    ticker: str
    first: pd.Timestamp | None = None
    last: pd.Timestamp | None = None
    renamed_to: str = ""


class Listings:
    """The dated universe. A name that is not in it is taken to be traded always.

    Raises:
        BadSetting: a name twice, dates in the wrong order, or a renaming that leads nowhere.
    """

    def __init__(self, entries: Sequence[Listing] = ()) -> None:
        self._by_ticker = {entry.ticker: entry for entry in entries}
        if len(self._by_ticker) < len(entries):
            tickers = [entry.ticker for entry in entries]
            twice = next(ticker for ticker in tickers if tickers.count(ticker) > 1)
            raise BadSetting(f"{twice} is listed twice.", "Give each name one line.")
        for entry in entries:
            self._require_sound(entry)
        renamed = (entry for entry in entries if entry.renamed_to)
        self._renamed = sorted(renamed, key=lambda entry: entry.last or pd.Timestamp.max, reverse=True)
        self._company = {entry.ticker: self._newest_name(entry.ticker) for entry in self._renamed}

    @property
    def tickers(self) -> list[str]:
        """Every name there is or was, sorted."""
        return sorted(self._by_ticker)

    def between(self, tickers: Iterable[str], first: pd.Timestamp, last: pd.Timestamp) -> list[str]:
        """Those of `tickers` that are traded on some session from `first` to `last`."""
        spans = ((ticker, self._by_ticker.get(ticker, Listing(ticker))) for ticker in tickers)
        return [ticker for ticker, span in spans if not _is_after(span, last) and not _is_before(span, first)]

    def absence(self, ticker: str, session: pd.Timestamp) -> str:
        """Why `ticker` is not traded on `session`; empty where it is."""
        entry = self._by_ticker.get(ticker)
        if entry is None:
            return ""
        if _is_after(entry, session):
            return f"{ticker} is listed from {iso(entry.first)} on." if entry.first else ""
        if _is_before(entry, session) and entry.last:
            became = f"was renamed to {entry.renamed_to}" if entry.renamed_to else "was delisted"
            return f"{ticker} {became} after {iso(entry.last)}."
        return ""

    def outside(self, bars: pd.DataFrame) -> Mask:
        """Which rows (columns ticker, session) stand on a session on which their name is not traded."""
        marked = np.zeros(len(bars), dtype=bool)
        if not self._by_ticker:
            return marked
        for ticker, rows in bars.groupby("ticker", sort=False).indices.items():
            entry, days = self._by_ticker.get(str(ticker)), bars["session"].to_numpy()[rows]
            if entry is not None:
                marked[rows] = (days < (entry.first or days.min())) | (days > (entry.last or days.max()))
        return marked

    def companies(self, bars: pd.DataFrame) -> pd.DataFrame:
        """`bars` with every company under its newest name, and without those of other sessions than their name's."""
        if not self._renamed:
            return bars
        own = bars[~self.outside(bars)]
        newest = own["ticker"].map(lambda ticker: self._company.get(ticker, ticker))
        return own.assign(ticker=newest).sort_values(["ticker", "session"], kind="stable", ignore_index=True)

    def names_then(self, tickers: pd.Series, sessions: pd.Series) -> pd.Series:
        """What each company, given by its newest name, was called on the session beside it."""
        names = tickers.copy()
        for entry in self._renamed:  # the latest renaming first: earlier names replace it before their own
            names[(tickers == self._company[entry.ticker]) & (sessions <= entry.last)] = entry.ticker
        return names

    def as_named(self, keys: pd.Index[Any]) -> pd.MultiIndex:
        """(company, session) as (what it was called then, session)."""
        frame = keys.to_frame(index=False)
        names = self.names_then(frame["ticker"], frame["session"])
        return pd.MultiIndex.from_arrays([names, frame["session"]], names=["ticker", "session"])

    def _newest_name(self, ticker: str) -> str:
        seen = [ticker]
        while (entry := self._by_ticker.get(seen[-1])) is not None and entry.renamed_to:
            if entry.renamed_to in seen:
                raise BadSetting(f"{ticker} is renamed in a circle.", "A name leads to a later one.")
            seen.append(entry.renamed_to)
        return seen[-1]

    def _require_sound(self, entry: Listing) -> None:
        if entry.first is not None and entry.last is not None and entry.first > entry.last:
            raise BadSetting(
                f"{entry.ticker} is listed from {iso(entry.first)} to {iso(entry.last)}.", "Mend the dates."
            )
        if entry.renamed_to and (entry.last is None or entry.renamed_to not in self._by_ticker):
            hint = "Give its last session under the old name, and the new name a line of its own."
            raise BadSetting(f"{entry.ticker} is renamed to {entry.renamed_to}, but when is not known.", hint)


def _is_after(entry: Listing, session: pd.Timestamp) -> bool:
    return entry.first is not None and entry.first > session


def _is_before(entry: Listing, session: pd.Timestamp) -> bool:
    return entry.last is not None and entry.last < session
