"""Realized volatility against that of the month before: 0 says that it stays as it is."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from evergreen.core.model.targets.windows import window_sum

MONTH = 21  # sessions that the volatility before is taken from


class Volatility:
    """log(volatility over (t, t + horizon] / volatility of the month up to t), each from the ranges of its sessions.

    Of a session: log(high / low)^2 / (4 log 2), the variance by Parkinson ("The Extreme Value Method for Estimating the
    Variance of the Rate of Return", Journal of Business 1980); a single session has one, which its return has not.
    """

    name = "volatility"
    title = "log of realized volatility over the month's before"
    baseline = "an unchanged volatility"
    lookback = MONTH - 1
    is_return = False
    by_order = False
    # Autoregressions explain about half of log realized volatility (Corsi, "A Simple Approximate Long-Memory Model of
    # Realized Volatility", Journal of Financial Econometrics 2009), and the month before has said much of it.
    most_skill = 0.60

    def label(self, bars: pd.DataFrame, horizon: int) -> pd.Series:
        """NaN where a session of the horizon or of the month is missing, or nothing moved in either."""
        index = pd.MultiIndex.from_frame(bars[["ticker", "session"]])
        span = np.log((bars["high"] / bars["low"]).to_numpy(np.float64))
        variance = pd.Series(span**2 / (4 * math.log(2)), index).sort_index()
        wide = variance.unstack("ticker")
        before, after = window_sum(wide, MONTH) / MONTH, window_sum(wide, horizon).shift(-horizon) / horizon
        ratio = after.where(after > 0).div(before.where(before > 0)).map(np.log) / 2
        return pd.Series(ratio.stack(future_stack=True).swaplevel().reindex(variance.index), name="label")
