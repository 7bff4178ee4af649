"""Pictures of a training run; each function returns a figure, `save` writes it as PNG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from evergreen.core.backtest import long_short
from evergreen.core.evaluation import quantiles
from evergreen.core.metrics import rank_ic, relative_difference, session_losses

INK, QUIET, GREEN, RUST, BLUE = "#1f2933", "#9aa5b1", "#2f7d4f", "#b4532a", "#2b6cb0"
ROLLING = 60


def save(figure: Figure, path: Path) -> str:
    """Write the figure as PNG, making its folder; the path as text, as IPython's Image takes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, facecolor="white", metadata={"Software": None})
    return str(path)


def skill_over_time(oos: pd.DataFrame, folds: pd.DataFrame) -> Figure:
    """Cumulative RankIC and cumulative gain over the random walk by session; fold borders as thin lines.

    Args:
        oos: ticker, session, forecast, label.
        folds: one row per fold with test_start.
    """
    rows = oos.set_index(["ticker", "session"])
    losses = session_losses(rows["forecast"], rows["label"])
    gain = relative_difference(session_losses(rows["forecast"] * 0.0, rows["label"]), losses)
    figure = Figure(figsize=(10, 5.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    _cumulative(upper, rank_ic(rows["forecast"], rows["label"]).fillna(0.0), GREEN)
    _title(upper, "Cumulative RankIC: rises where the order of the stocks was forecast")
    _cumulative(lower, gain, BLUE)
    lower.set_title("Cumulative gain r over the random walk: falls where saying nothing was better", loc="left")
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
    _title(left, "Coverage by year, from the nominal level")
    right.plot(by_session.rolling(ROLLING).mean(), color=BLUE, linewidth=1.4)
    _title(right, f"Coverage over the last {ROLLING} sessions")
    _dates(right)
    for axes in (left, right):
        axes.axhline(nominal, color=INK, linewidth=1.0, linestyle="--")
        _plain(axes)
        axes.yaxis.set_major_formatter("{x:.0%}")
    return figure


def importances(importance: pd.Series, top: int = 20) -> Figure:
    """The features that reduced the loss most, by share of total gain."""
    share = (importance / max(float(importance.sum()), 1e-300)).head(top)[::-1]
    figure = Figure(figsize=(10, 0.2 * len(share) + 0.8), layout="constrained")
    axes = figure.subplots()
    axes.barh(share.index, share, color=GREEN, height=0.7)
    _title(axes, f"Share of gain of the {len(share)} strongest of {len(importance)} features")
    axes.xaxis.set_major_formatter("{x:.0%}")
    _plain(axes)
    return figure


def forecast_scatter(oos: pd.DataFrame, bins: int = 10) -> Figure:
    """Realized against forecast return, with the mean of each decile of forecasts and its standard error."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.scatter(100 * oos["forecast"], 100 * oos["label"], s=5, alpha=0.25, color=INK, linewidths=0)
    reach = 100 * float(oos["label"].abs().quantile(0.995))
    left.set_ylim(-reach, reach)
    _title(left, "Each forecast (1 in 200 outcomes lies beyond)")
    tenth = np.ceil(oos["forecast"].rank(method="first") * bins / len(oos))
    grouped = oos[["forecast", "label"]].groupby(tenth)
    mean, error = grouped.mean(), grouped["label"].sem()
    right.errorbar(
        100 * mean["forecast"],
        100 * mean["label"],
        100 * error,
        fmt="o",
        color=GREEN,
        capsize=3,
        markersize=5,
    )
    limits = 100 * np.array([mean["forecast"].min(), mean["forecast"].max()])
    right.plot(limits, limits, color=RUST, linewidth=1.2, linestyle="--")
    _title(right, "Means by tenth of the forecasts; dashed: forecast = outcome")
    for axes in (left, right):
        axes.axhline(0.0, color=QUIET, linewidth=0.8)
        axes.set_xlabel("forecast, % log return")
        axes.set_ylabel("realized, %")
        _plain(axes)
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
    _title(left, "Outcome less the session's mean, basis points, 90 % intervals")
    traded = long_short(oos, horizon)
    right.plot((1.0 + traded.periods["gross"]).cumprod(), color=QUIET, linewidth=1.2, label="before costs")
    right.plot(traded.equity, color=BLUE, linewidth=1.5, label="after costs")
    right.legend(frameon=False, fontsize=9)
    _title(right, f"Capital of {traded.k} long against {traded.k} short, traded a session late")
    _dates(right)
    for axes, level in ((left, 0.0), (right, 1.0)):
        axes.axhline(level, color=QUIET, linewidth=0.8)
        _plain(axes)
    return figure


def _title(axes: Axes, text: str) -> None:
    axes.set_title(text, loc="left", fontsize=9.5, color=INK)


def _cumulative(axes: Axes, values: pd.Series, colour: str) -> None:
    total = values.cumsum()
    axes.plot(total, color=colour, linewidth=1.5)
    axes.fill_between(total.index, total.to_numpy(), color=colour, alpha=0.10, linewidth=0)
    axes.axhline(0.0, color=QUIET, linewidth=0.8)
    _dates(axes)
    _plain(axes)


def _dates(axes: Axes) -> None:
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9)
    axes.xaxis.label.set_fontsize(9)
    axes.yaxis.label.set_fontsize(9)
