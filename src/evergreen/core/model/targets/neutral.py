"""The return that is left once market and volatility are taken out: what a hedged position of equal risk earns."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evergreen.core.dataset.labels import forward_return
from evergreen.core.evaluation.originality import BETA


class Neutral:
    """(return - beta x market's return) / deviation, beta and deviation those of the quarter up to the session.

    The market is the mean of all tickers. In deviations of the horizon's return: daily ones times the root of horizon.
    """

    name = "neutral"
    title = "return neutral to market and volatility"
    baseline = "a flat forecast"
    lookback = BETA
    is_return = False

    def label(self, bars: pd.DataFrame, horizon: int) -> pd.Series:
        """NaN until a ticker has traded for a quarter, and where its price did not move in it."""
        ahead = forward_return(bars, horizon)
        wide = ahead.unstack("ticker")
        daily = forward_return(bars, 1).unstack("ticker").shift(1)  # known at the close of its row
        market = daily.mean(axis=1)
        beta = daily.rolling(BETA).cov(market).div(market.rolling(BETA).var(), axis=0)
        deviation = daily.rolling(BETA).std() * np.sqrt(horizon)
        own = wide.sub(beta.mul(wide.mean(axis=1), axis=0)).div(deviation.where(deviation > 0))
        return pd.Series(own.stack(future_stack=True).swaplevel().reindex(ahead.index), name="label")
