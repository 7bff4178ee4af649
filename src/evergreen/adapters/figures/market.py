"""Pictures of the market itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from evergreen.adapters.figures.style import INK, LINES, QUIET, RUST, dates, plain, title
from evergreen.core.model.intervals import volatility

MOST_LINES = len(LINES)


def prices(bars: pd.DataFrame, findings: pd.DataFrame) -> Figure:
    """Adjusted closes from 1 on a logarithmic axis; a cross marks each bar that validation found fault with.

    Args:
        bars: ticker, session, close and optionally factor.
        findings: ticker, session.
    """
    wide = _adjusted(bars).iloc[:, :MOST_LINES]
    wide = wide / wide.bfill().iloc[0]
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    axes = figure.subplots()
    for (ticker, line), colour in zip(wide.items(), LINES, strict=False):
        axes.plot(line, color=colour, linewidth=1.2)
        last = line.dropna()
        axes.annotate(str(ticker), (last.index[-1], last.iloc[-1]), (4, 0), textcoords="offset points", color=colour)
        marked = line.reindex(pd.DatetimeIndex(findings.loc[findings["ticker"] == ticker, "session"]))
        axes.plot(marked, "x", color=RUST, markersize=7, markeredgewidth=1.6)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")
    axes.axhline(1.0, color=QUIET, linewidth=0.8)
    title(axes, "Adjusted close, first session = 1; crosses: findings of validation")
    dates(axes)
    plain(axes)
    return figure


def volatilities(bars: pd.DataFrame) -> Figure:
    """Volatility of the median ticker, and how much of the stocks' movement is one movement, by session.

    The lower picture is the mean correlation of pairs of daily returns over 60 sessions.
    """
    returns = _adjusted(bars).apply(np.log).diff()
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    scales = 100 * np.sqrt(252) * volatility(returns, 1)
    upper.fill_between(scales.index, scales.min(axis=1), scales.max(axis=1), color=QUIET, alpha=0.35, linewidth=0)
    upper.plot(scales.median(axis=1), color=RUST, linewidth=1.3)
    title(upper, "Volatility, % a year: median ticker, and from the calmest to the wildest")
    together = _mean_correlation(returns, 60)
    lower.plot(together, color=INK, linewidth=1.3)
    title(lower, "Mean correlation of two stocks' daily returns over 60 sessions")
    for axes in (upper, lower):
        axes.set_ylim(bottom=0)
        dates(axes)
        plain(axes)
    return figure


def _adjusted(bars: pd.DataFrame) -> pd.DataFrame:
    price = bars["close"] * bars["factor"] if "factor" in bars else bars["close"]
    return bars.assign(price=price.where(price > 0)).pivot(index="session", columns="ticker", values="price")


def _mean_correlation(returns: pd.DataFrame, sessions: int) -> pd.Series:
    """Weighted by the tickers' deviations s: (Var(sum of r) - sum of s^2) / ((sum of s)^2 - sum of s^2)."""
    spread = returns.rolling(sessions).std()
    squares = (spread**2).sum(axis=1)
    together = returns.where(spread.notna()).sum(axis=1, min_count=2).rolling(sessions).var()
    return (together - squares) / (spread.sum(axis=1) ** 2 - squares)
