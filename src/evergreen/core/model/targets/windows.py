"""Sums that do not depend on where a table of sessions and tickers begins or ends, in no bit."""

from __future__ import annotations

import pandas as pd


def window_sum(table: pd.DataFrame, sessions: int) -> pd.DataFrame:
    """The sum of each row and the `sessions` - 1 before it; NaN where one of them is.

    Added up anew for each row, in one order: a running sum would carry rounding along from the first row.
    """
    total = table.shift(sessions - 1)
    for back in range(sessions - 2, -1, -1):
        total = total + table.shift(back)
    return total


def session_mean(table: pd.DataFrame) -> pd.Series:
    """The mean of each row over the tickers it knows, added up in their order, so that absent ones change nothing."""
    total = table.fillna(0.0).cumsum(axis=1).iloc[:, -1]
    known = table.count(axis=1)
    return total / known.where(known > 0)
