"""The place of a return among those of its session: what an order of tickers is worth, and nothing of the market."""

from __future__ import annotations

import pandas as pd

from evergreen.core.dataset.labels import forward_return


class Rank:
    """Rank of the return within the session, from -1/2 (lowest) to 1/2; 0 in the middle, ties at their mean."""

    name = "rank"
    title = "rank of the return within its session"
    baseline = "a chance order"
    lookback = 0
    is_return = False
    by_order = True
    most_skill = 0.20  # as of the return that it ranks

    def label(self, bars: pd.DataFrame, horizon: int) -> pd.Series:
        """(rank - (n + 1) / 2) / n of n tickers with a known return."""
        returns = forward_return(bars, horizon)
        by_session = returns.groupby(level="session")
        count = by_session.transform("count")
        return ((by_session.rank() - (count + 1) / 2) / count).rename("label")
