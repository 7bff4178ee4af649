"""Pictures of a training run."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evergreen.adapters.figures.style import BLUE, GREEN, INK, QUIET, RUST, cumulative, dates, plain, title
from evergreen.core.evaluation.backtest import Backtest, long_short
from evergreen.core.evaluation.evaluate import quantiles
from evergreen.core.evaluation.metrics import gain_over_random_walk, rank_ic

ROLLING = 60  # sessions, a quarter of trading: coverage by the single session is too rough to see


def skill_over_time(oos: pd.DataFrame, folds: pd.DataFrame, baseline: str = "the random walk") -> Figure:
    """Cumulative RankIC and cumulative gain over the naive forecast by session; fold borders as thin lines.

    Args:
        oos: ticker, session, forecast, label.
        folds: one row per fold with test_start.
        baseline: what the target's naive forecast is called.
    """
    rows = oos.set_index(["ticker", "session"])
    gain = gain_over_random_walk(rows["forecast"], rows["label"])
    figure = Figure(figsize=(10, 5.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    cumulative(upper, rank_ic(rows["forecast"], rows["label"]).fillna(0.0), GREEN)
    title(upper, "Cumulative RankIC: rises where the order of the stocks was forecast")
    cumulative(lower, gain, BLUE)
    lower.set_title(f"Cumulative gain r over {baseline}: falls where saying nothing was better", loc="left")
    for axes in (upper, lower):
        for start in folds["test_start"]:
            axes.axvline(start, color=QUIET, linewidth=0.5, alpha=0.6)
    return figure


def interval_calibration(oos: pd.DataFrame, nominal: float) -> Figure:
    """Coverage of the forecast intervals by year beside the nominal level, and over a rolling quarter."""
    inside = oos["label"].between(oos["lower"], oos["upper"]).astype(float)
    by_session = inside.groupby(oos["session"]).mean()
    by_year = inside.groupby(oos["session"].dt.year).mean()
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 2], sharey=True)
    colours = [GREEN if share >= nominal else RUST for share in by_year]
    left.bar([str(year) for year in by_year.index], by_year - nominal, bottom=nominal, color=colours, width=0.55)
    title(left, "Coverage by year, from the nominal level")
    right.plot(by_session.rolling(ROLLING).mean(), color=BLUE, linewidth=1.4)
    title(right, f"Coverage over the last {ROLLING} sessions")
    dates(right)
    for axes in (left, right):
        axes.axhline(nominal, color=INK, linewidth=1.0, linestyle="--")
        plain(axes)
        axes.yaxis.set_major_formatter("{x:.0%}")
    return figure


def importances(importance: pd.Series, top: int = 20) -> Figure:
    """The features that reduced the loss most, by share of total gain."""
    share = (importance / max(float(importance.sum()), 1e-300)).head(top)[::-1]
    figure = Figure(figsize=(10, 0.2 * len(share) + 0.8), layout="constrained")
    axes = figure.subplots()
    axes.barh(share.index, share, color=GREEN, height=0.7)
    title(axes, f"Share of gain of the {len(share)} strongest of {len(importance)} features")
    axes.xaxis.set_major_formatter("{x:.0%}")
    plain(axes)
    return figure


def forecast_scatter(oos: pd.DataFrame, bins: int = 10, what: str = "log return", is_return: bool = True) -> Figure:
    """Realized against forecast values, with the mean of each decile of forecasts and its standard error.

    `what` is the target's title; returns are shown in percent.
    """
    figure, unit = Figure(figsize=(10, 4.2), layout="constrained"), 100 if is_return else 1
    left, right = figure.subplots(1, 2)
    left.scatter(unit * oos["forecast"], unit * oos["label"], s=5, alpha=0.25, color=INK, linewidths=0)
    reach = unit * float(oos["label"].abs().quantile(0.995))
    left.set_ylim(-reach, reach)
    title(left, "Each forecast (1 in 200 outcomes lies beyond)")
    tenth = np.ceil(oos["forecast"].rank(method="first") * bins / len(oos))
    grouped = oos[["forecast", "label"]].groupby(tenth)
    mean, error = grouped.mean(), grouped["label"].sem()
    right.errorbar(
        unit * mean["forecast"],
        unit * mean["label"],
        unit * error,
        fmt="o",
        color=GREEN,
        capsize=3,
        markersize=5,
    )
    limits = unit * np.array([mean["forecast"].min(), mean["forecast"].max()])
    right.plot(limits, limits, color=RUST, linewidth=1.2, linestyle="--")
    title(right, "Means by tenth of the forecasts; dashed: forecast = outcome")
    for axes in (left, right):
        axes.axhline(0.0, color=QUIET, linewidth=0.8)
        axes.set_xlabel(f"forecast, {'% ' if is_return else ''}{what}")
        axes.set_ylabel("realized, %" if is_return else "realized")
        plain(axes)
    return figure


def earned(oos: pd.DataFrame, horizon: int) -> Figure:
    """Mean excess outcome by place of the forecast, and the capital of the costed long-short portfolio.

    Args:
        oos: ticker, session, forecast, label.
        horizon: sessions ahead of the label.
    """
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.4])
    grouped = quantiles(oos)
    if grouped is not None:
        table = 1e4 * grouped.table
        error = [table["mean"] - table["lower90"], table["upper90"] - table["mean"]]
        left.bar(table.index, table["mean"], color=[GREEN if mean > 0 else RUST for mean in table["mean"]], width=0.6)
        left.errorbar(table.index, table["mean"], error, fmt="none", color=INK, capsize=3, linewidth=1)
    left.set_xlabel("place of the forecast in its session, lowest first")
    title(left, "Outcome less the session's mean, basis points")
    if oos["ticker"].nunique() > 1:
        _capital(right, long_short(oos, horizon))
    for axes, level in ((left, 0.0), (right, 1.0)):
        axes.axhline(level, color=QUIET, linewidth=0.8)
        plain(axes)
    return figure


def _capital(axes: Axes, traded: Backtest) -> None:
    axes.plot((1.0 + traded.periods["gross"]).cumprod(), color=QUIET, linewidth=1.2, label="before costs")
    axes.plot(traded.equity, color=BLUE, linewidth=1.5, label="after costs")
    axes.legend(frameon=False, fontsize=9)
    title(axes, f"Capital of {traded.k} long against {traded.k} short, traded a session late")
    dates(axes)


def candidates(compared: pd.DataFrame) -> Figure:
    """RankIC of each candidate of a search with its 90 % interval, the best on top.

    Args:
        compared: candidate, rank_ic, rank_ic_lower90, rank_ic_upper90; best first.
    """
    figure = Figure(figsize=(10, 1.2 + 0.34 * len(compared)), layout="constrained")
    axes, places = figure.subplots(), np.arange(len(compared))[::-1]
    ends = [compared["rank_ic"] - compared["rank_ic_lower90"], compared["rank_ic_upper90"] - compared["rank_ic"]]
    axes.errorbar(compared["rank_ic"], places, xerr=ends, fmt="o", color=BLUE, ecolor=QUIET, capsize=3)
    axes.axvline(0.0, color=INK, linewidth=0.8)
    axes.set_yticks(places, list(compared["candidate"]))
    axes.set_ylim(-0.5, len(compared) - 0.5)
    title(axes, "RankIC out of sample, 90 % intervals: the best of many looks better than it is")
    plain(axes)
    return figure
