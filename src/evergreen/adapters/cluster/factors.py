"""The 158 factors by ticker partition: a ticker's need no other's bars."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from evergreen.adapters.cluster.client import connected
from evergreen.core.features import Alpha, alpha158

PARTITION_BARS = 100_000  # 63 MB of factors


def alpha158_on(address: str, partition_bars: int = PARTITION_BARS) -> Alpha:
    """`alpha158`, computed by the workers of the scheduler at `address`: equal to the bit.

    Args:
        address: of the scheduler, such as tcp://10.0.0.5:8786.
        partition_bars: bars in one task, at most one ticker more; a worker needs about 2 kB for each.
    """
    return partial(_compute, address, partition_bars)


def _compute(
    address: str,
    partition_bars: int,
    bars: pd.DataFrame,
    calendar: pd.DatetimeIndex | None = None,
    since: pd.Timestamp | None = None,
) -> pd.DataFrame:
    days = pd.DatetimeIndex(np.sort(bars["session"].unique())) if calendar is None else calendar
    with connected(address) as client:
        parts = [client.scatter(part, hash=False) for part in partitions(bars, partition_bars)]
        parts_of_factors = client.map(partial(_factors, calendar=days, since=since), parts, pure=False)
        factors: pd.DataFrame = pd.concat(client.gather(parts_of_factors))
    return factors


def partitions(bars: pd.DataFrame, size: int) -> list[pd.DataFrame]:
    """The bars in runs of whole tickers, sorted by ticker, each of about `size` bars."""
    counts = bars["ticker"].value_counts(sort=False).sort_index()
    group = (counts.cumsum() - 1) // size
    place = bars["ticker"].map(group)
    return [part for _, part in bars.groupby(place.astype("int64"), sort=True)]


def _factors(bars: pd.DataFrame, calendar: pd.DatetimeIndex, since: pd.Timestamp | None) -> pd.DataFrame:
    return alpha158(bars, calendar, since)
