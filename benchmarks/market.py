"""How fast the simulated market is, and whether it holds what was asked for.

    python benchmarks/market.py [--tickers 500] [--years 20]

The peer is the plain way to such prices: pandas, one ticker at a time, without factor, sectors, lasting volatility or
a planted signal.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd

from evergreen.core.market import planted_signal, simulate, with_corporate_actions, with_listings


def one_by_one(tickers: int, sessions: int) -> pd.DataFrame:
    """Independent random walks, a frame a ticker."""
    rng = np.random.default_rng(1)
    days = pd.bdate_range("2000-01-03", periods=sessions)
    frames = []
    for ticker in range(tickers):
        close = pd.Series(50 * np.exp(np.cumsum(rng.standard_t(5, sessions) * 0.012)), index=days)
        opening = (close.shift().fillna(50) * np.exp(rng.normal(0, 0.005, sessions))).round(4)
        top, bottom = np.maximum(opening, close), np.minimum(opening, close)
        numbers = {"open": opening, "high": top * 1.005, "low": bottom * 0.995, "close": close}
        frames.append(pd.DataFrame(numbers | {"volume": np.exp(rng.normal(14, 0.4, sessions)), "ticker": f"T{ticker}"}))
    return pd.concat(frames).reset_index(names="session").sort_values(["ticker", "session"])


def found_ic(bars: pd.DataFrame) -> tuple[float, float]:
    """Mean correlation across tickers of the planted signal with the next return, and its standard error."""
    closes = bars.pivot(index="session", columns="ticker", values="close")
    following = closes.apply(np.log).diff().shift(-1)
    ic = planted_signal(bars).unstack("ticker").corrwith(following, axis=1).dropna()
    return float(ic.mean()), float(ic.std() / np.sqrt(len(ic)))


def main() -> None:
    """Print both figures side by side."""
    options = argparse.ArgumentParser()
    options.add_argument("--tickers", type=int, default=500)
    options.add_argument("--years", type=int, default=20)
    given = options.parse_args()
    sessions = given.years * 252
    begun = time.perf_counter()
    bars = simulate(given.tickers, sessions, seed=1, ic=0.03)
    simulated = time.perf_counter()
    with_listings(with_corporate_actions(bars, seed=2), seed=3)
    lived = time.perf_counter()
    one_by_one(given.tickers, sessions)
    peer = time.perf_counter() - lived
    print(
        f"evergreen  {len(bars):,} bars  {simulated - begun:.2f} s; "
        f"splits, dividends, listings {lived - simulated:.2f} s more"
    )
    print(f"one by one {len(bars):,} bars  {peer:.2f} s")
    ic, error = found_ic(bars)
    print(f"planted    ic 0.03, found {ic:.4f} +- {error:.4f}")


if __name__ == "__main__":
    main()
