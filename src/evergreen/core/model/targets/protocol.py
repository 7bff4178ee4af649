"""What a target is, for whoever brings another."""

from __future__ import annotations

from typing import Protocol

import pandas as pd


class Target(Protocol):
    """What a model forecasts of each ticker, written so that 0 is the naive forecast: the baseline of its loss."""

    @property
    def name(self) -> str:
        """What it is registered as."""

    @property
    def title(self) -> str:
        """What it is called in a sentence."""

    @property
    def baseline(self) -> str:
        """What a forecast of 0 says, in a sentence."""

    @property
    def lookback(self) -> int:
        """Sessions before its own that a label reads."""

    @property
    def is_return(self) -> bool:
        """Whether a forecast price follows from it, and what its order earns."""

    @property
    def by_order(self) -> bool:
        """Whether of many tickers their order within a session counts, and not how high all of them are."""

    @property
    def most_skill(self) -> float:
        """Share of the naive forecast's squared loss, 0 to 1, that no honest model saves."""

    def label(self, bars: pd.DataFrame, horizon: int) -> pd.Series:
        """What came true of each session t, known only at the close of t + horizon.

        Equal to the bit from whatever session the bars begin at, `lookback` sessions before t or years: what is settled
        session by session is what a training and a replay read of all history.

        Args:
            bars: columns ticker, session, high, low, close and optionally factor.
            horizon: sessions ahead, at least 1.

        Returns:
            float64 named "label" on a sorted MultiIndex (ticker, session), one value per bar; NaN where unknown.
        """
