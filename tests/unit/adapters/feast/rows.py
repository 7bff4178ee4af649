"""Feature rows to fill a store with, and what tests compare."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from evergreen.adapters.feast import Features
from evergreen.core.features import FEATURE_NAMES

REPO = Path(__file__).parents[4] / "feature_repo"
SESSIONS = pd.bdate_range("2020-12-21", periods=15).as_unit("us")
DELAY = pd.Timedelta(minutes=30)


class Rows:
    """Random feature rows of some tickers and sessions, closing at 21:00 UTC and known half an hour later."""

    def __init__(self, tickers: list[str], sessions: pd.DatetimeIndex, seed: int = 0, later: str = "0h") -> None:
        rng = np.random.default_rng(seed)
        index = pd.MultiIndex.from_product([tickers, sessions], names=["ticker", "session"])
        values = rng.normal(size=(len(index), 158)).astype(np.float32)
        values[rng.random(values.shape) < 0.05] = np.nan
        self.features = pd.DataFrame(values, index=index, columns=list(FEATURE_NAMES))
        close = rng.uniform(10, 500, len(index))
        self.prices = pd.DataFrame({"close": close, "factor": 1 / 3}, index=index)
        self.closes = pd.Series(at_close(index.get_level_values("session")), index=index)
        self.known = self.closes + DELAY + pd.Timedelta(later)

    def write(self, store: Features) -> int:
        return store.write(self.features, self.prices, self.known, self.closes)

    def entity(self) -> pd.DataFrame:
        return self.closes.rename("event_timestamp").reset_index()


def at_close(sessions: pd.DatetimeIndex | pd.Timestamp):
    return (sessions + pd.Timedelta(hours=21)).tz_localize("UTC")


def bits(frame: pd.DataFrame) -> bytes:
    return frame[list(FEATURE_NAMES)].to_numpy().tobytes()
