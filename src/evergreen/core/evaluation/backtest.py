"""What the order of the forecasts would have earned, traded a session late and paid for."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evergreen.core.evaluation.diebold_mariano import DieboldMariano, dm_test
from evergreen.errors import BadInput

SESSIONS_A_YEAR = 252  # of US exchanges, on average
COST = 0.001  # of what is traded, each way: 10 basis points

METRICS = ("net_return", "net_lower90", "net_upper90", "sharpe", "drawdown", "turnover")


@dataclass(frozen=True)
class Backtest:
    """A long-short portfolio over consecutive holding periods.

    Attributes:
        periods: by session of execution: gross and net return, cost, turnover (sum of absolute changes of
            weights, at most 2).
        horizon: sessions each period lasts.
        k: tickers held on each side.
    """

    periods: pd.DataFrame
    horizon: int
    k: int

    @property
    def equity(self) -> pd.Series:
        """Capital after costs by session of execution, from 1."""
        return (1.0 + self.periods["net"]).cumprod().rename("equity")

    @property
    def drawdown(self) -> float:
        """Largest loss from a peak, as a share of the peak."""
        equity = np.append(1.0, self.equity)
        return float((1.0 - equity / np.maximum.accumulate(equity)).max())

    @property
    def test(self) -> DieboldMariano:
        """Of the mean net return of a period."""
        return dm_test(self.periods["net"])

    def metrics(self) -> dict[str, float]:
        """Annual net return with its 90 % interval, Sharpe ratio, drawdown, turnover a year; NaN if too short."""
        if len(self.periods) < 2:
            return dict.fromkeys(
                ("net_return", "net_lower90", "net_upper90", "sharpe", "drawdown", "turnover"), math.nan
            )
        year, net, test = SESSIONS_A_YEAR / self.horizon, self.periods["net"], self.test
        lower, upper = test.interval(0.90)
        spread = float(net.std())
        sharpe = math.sqrt(year) * test.mean / spread if spread > 0 else math.nan
        traded = year * float(self.periods["turnover"].mean())
        values = (year * test.mean, year * lower, year * upper, sharpe, self.drawdown, traded)
        return dict(zip(METRICS, values, strict=True))


def long_short(oos: pd.DataFrame, horizon: int = 1, k: int | None = None, cost: float = COST) -> Backtest:
    """Hold the k highest forecasts and sell the k lowest, in equal weights of half the capital a side.

    The forecasts of session t are known at its close and traded at the close of t + 1; the position earns the
    simple return from there to the close of t + 1 + horizon and is then renewed. So periods do not overlap,
    and nothing is known that was not. Every change of a weight costs `cost` times its size; the drift of
    weights within a period, financing, fees for borrowing and the market's answer to the orders are left out. A
    session whose forecasts are all equal holds nothing; a ticker without a price at either end earns 0.

    Args:
        oos: ticker, session, forecast, label (log return over `horizon` sessions).
        horizon: sessions ahead of the label.
        k: by default a fifth of the tickers, at least one.
        cost: share of what is traded.

    Raises:
        BadInput: fewer than two tickers for each that is to be held on a side.
    """
    forecasts = oos.pivot(index="session", columns="ticker", values="forecast")
    labels = oos.pivot(index="session", columns="ticker", values="label").fillna(0.0)
    size = max(1, forecasts.shape[1] // 5) if k is None else k
    if size < 1 or forecasts.shape[1] < 2 * size:
        raise BadInput(f"{forecasts.shape[1]} tickers cannot hold {size} a side.", "Ask for fewer, or bring more.")
    decided = np.arange(0, len(forecasts) - 1, horizon)
    weights = _weights(forecasts.to_numpy()[decided], size)
    turnover = np.abs(np.diff(weights, axis=0, prepend=0.0)).sum(axis=1)
    gross = (weights * np.expm1(labels.to_numpy()[decided + 1])).sum(axis=1)
    columns = {"gross": gross, "cost": cost * turnover, "net": gross - cost * turnover, "turnover": turnover}
    return Backtest(pd.DataFrame(columns, index=forecasts.index[decided + 1]), horizon, size)


def _weights(forecasts: np.ndarray, k: int) -> np.ndarray:
    """Weights [sessions x tickers]; rows whose known forecasts are too few or all equal stay empty."""
    weights = np.zeros(forecasts.shape)
    for row, values in zip(weights, forecasts, strict=True):
        known = np.flatnonzero(np.isfinite(values))
        if len(known) < 2 * k or np.ptp(values[known]) == 0:
            continue
        order = known[np.argsort(values[known], kind="stable")]
        row[order[:k]], row[order[-k:]] = -0.5 / k, 0.5 / k
    return weights
