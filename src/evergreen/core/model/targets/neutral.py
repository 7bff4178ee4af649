"""The return that is left once market and volatility are taken out: what a hedged position of equal risk earns."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evergreen.core.dataset.labels import forward_return
from evergreen.core.evaluation.originality import BETA
from evergreen.core.model.targets.windows import session_mean, window_sum


class Neutral:
    """(return - beta x market's return) / deviation, beta and deviation those of the quarter up to the session.

    The market is the mean of all tickers. In deviations of the horizon's return: daily ones times the root of horizon.
    """

    name = "neutral"
    title = "return neutral to market and volatility"
    baseline = "a flat forecast"
    lookback = BETA
    is_return = False
    by_order = True
    most_skill = 0.20  # as of the return that it is made of

    def label(self, bars: pd.DataFrame, horizon: int) -> pd.Series:
        """NaN until a ticker has traded for a quarter, and where its price did not move in it."""
        ahead = forward_return(bars, horizon)
        wide = ahead.unstack("ticker")
        daily = forward_return(bars, 1).unstack("ticker").shift(1)  # known at the close of its row
        market = session_mean(daily)
        beta = _covariance(daily, market).div(_covariance(market.to_frame(), market).iloc[:, 0], axis=0)
        variance = window_sum(daily.pow(2), BETA) - window_sum(daily, BETA).pow(2) / BETA
        deviation = np.sqrt(variance.where(variance > 0) / (BETA - 1) * horizon)
        own = wide.sub(beta.mul(session_mean(wide), axis=0)).div(deviation)
        return pd.Series(own.stack(future_stack=True).swaplevel().reindex(ahead.index), name="label")


def _covariance(returns: pd.DataFrame, market: pd.Series) -> pd.DataFrame:
    """Of each column with the market over the quarter up to each session, times BETA - 1."""
    sums = window_sum(returns, BETA), window_sum(market.to_frame(), BETA).iloc[:, 0]
    return window_sum(returns.mul(market, axis=0), BETA) - sums[0].mul(sums[1], axis=0) / BETA
