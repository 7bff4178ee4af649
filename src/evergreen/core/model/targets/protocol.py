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
        """Whether a forecast price follows from it, and what its order earns: a model of it may answer clients."""

    def label(self, bars: pd.DataFrame, horizon: int) -> pd.Series:
        """What came true of each session t, known only at the close of t + horizon.

        Args:
            bars: columns ticker, session, high, low, close and optionally factor.
            horizon: sessions ahead, at least 1.

        Returns:
            float64 named "label" on a sorted MultiIndex (ticker, session), one value per bar; NaN where unknown.
        """
