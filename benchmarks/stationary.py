"""A simulated market in which nothing drifts, though volatility clusters and features look back for weeks."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LOOKBACKS = (5, 10, 20, 30, 60)
SPAN = max(LOOKBACKS)


def market(seed: int, sessions: int, tickers: int, persistence: float = 0.97) -> tuple[Floats, Floats]:
    """Daily log returns and log volumes [60 + sessions, tickers], 60 for features to look back on.

    Heavy-tailed returns with one common factor; log volatility is persistent (half-life 23 sessions at 0.97 for the
    common part, 13 for the tickers' own), volume is persistent and follows it.
    """
    generator = np.random.default_rng(seed)
    length = sessions + SPAN
    volatility = _persistent(generator, (length, 1), persistence, 0.35) + _persistent(
        generator, (length, tickers), 0.95, 0.20
    )
    shocks = 0.6 * generator.standard_t(5, (length, 1)) + 0.8 * generator.standard_t(5, (length, tickers))
    volume = _persistent(generator, (length, tickers), 0.9, 0.4) + 0.5 * volatility
    return 0.0116 * np.exp(volatility) * shocks, volume


def features(returns: Floats, volume: Floats) -> pd.DataFrame:
    """Rolling features like Alpha158's, index (ticker, session): 11 for each lookback, return and range."""
    change, price = pd.DataFrame(returns), pd.DataFrame(np.exp(np.cumsum(returns, axis=0)))
    traded = pd.DataFrame(np.exp(volume))
    columns = {"RET": change, "RANGE": change.abs()}
    for lookback in LOOKBACKS:
        columns |= _rolling(change, price, traded, lookback)
    sessions = pd.bdate_range("2000-01-03", periods=len(returns) - SPAN).as_unit("us")
    tickers = [f"T{i:02d}" for i in range(returns.shape[1])]
    index = pd.MultiIndex.from_product([sessions, tickers], names=["session", "ticker"]).swaplevel()
    values = {name: wide.to_numpy()[SPAN:].ravel() for name, wide in columns.items()}
    return pd.DataFrame(values, index=index, dtype=np.float32)


def _persistent(generator: np.random.Generator, shape: tuple[int, int], persistence: float, deviation: float) -> Floats:
    series = deviation * generator.normal(size=shape)
    for t in range(1, shape[0]):
        series[t] = persistence * series[t - 1] + np.sqrt(1 - persistence**2) * series[t]
    return series


def _rolling(change: pd.DataFrame, price: pd.DataFrame, traded: pd.DataFrame, lookback: int) -> dict[str, pd.DataFrame]:
    prices, volumes = price.rolling(lookback, min_periods=1), traded.rolling(lookback, min_periods=1)
    low, high = prices.min(), prices.max()
    gains = change.clip(lower=0).rolling(lookback, min_periods=1).sum()
    moves = change.abs().rolling(lookback, min_periods=1).sum()
    return {
        f"ROC{lookback}": price.shift(lookback) / price,
        f"MA{lookback}": prices.mean() / price,
        f"STD{lookback}": prices.std() / price,
        f"MAX{lookback}": high / price,
        f"MIN{lookback}": low / price,
        f"RSV{lookback}": (price - low) / (high - low + 1e-12),
        f"CNTP{lookback}": (change > 0).astype(float).rolling(lookback, min_periods=1).mean(),
        f"SUMP{lookback}": gains / (moves + 1e-12),
        f"VMA{lookback}": volumes.mean() / traded,
        f"VSTD{lookback}": volumes.std() / traded,
        f"CORR{lookback}": change.rolling(lookback, min_periods=3).corr(traded),
    }
