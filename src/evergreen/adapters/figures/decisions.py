"""Pictures of what decisions rest on: the gate's comparison, drift, the canary."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from evergreen.adapters.figures.style import BLUE, GREEN, INK, QUIET, RUST, cumulative, dates, plain, title
from evergreen.core.canary import QualityTest
from evergreen.core.drift import Counts, DriftCheck
from evergreen.core.evaluation.metrics import loss_difference, rank_ic, session_losses


def duel(champion: pd.DataFrame, challenger: pd.DataFrame) -> Figure:
    """Cumulative gain r of the challenger over the champion, and cumulative RankIC of both, by session.

    Args:
        champion: ticker, session, forecast.
        challenger: ticker, session, forecast, label; compared on the rows both have.
    """
    pairs = challenger.merge(champion, on=["ticker", "session"], suffixes=("", "_champion")).dropna(subset="label")
    rows = pairs.set_index(["ticker", "session"])
    losses = [session_losses(rows[name], rows["label"]) for name in ("forecast_champion", "forecast")]
    figure = Figure(figsize=(10, 5.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    cumulative(upper, loss_difference(*losses), GREEN)
    title(upper, "Cumulative gain r of the challenger over the champion: rises where its loss was the smaller")
    for name, label, colour in (("forecast_champion", "champion", QUIET), ("forecast", "challenger", BLUE)):
        lower.plot(rank_ic(rows[name], rows["label"]).fillna(0.0).cumsum(), color=colour, linewidth=1.5, label=label)
    lower.axhline(0.0, color=QUIET, linewidth=0.8)
    lower.legend(frameon=False, fontsize=9)
    title(lower, "Cumulative RankIC")
    dates(lower)
    plain(lower)
    return figure


def drift_scores(checks: list[DriftCheck], null: np.ndarray) -> Figure:
    """The largest score of each check over time, and the latest beside the replayed null.

    Args:
        checks: in order of time.
        null: the largest score of each replayed pair of windows.
    """
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.6, 1], sharey=True)
    limit = float(np.quantile(null, 1 - checks[-1].level))
    days = pd.DatetimeIndex([check.as_of for check in checks])
    values = np.array([check.statistic for check in checks])
    left.plot(days, values, color=BLUE, linewidth=1.4, marker="o", markersize=4)
    above = values > limit
    left.plot(days[above], values[above], "o", color=RUST, markersize=6)
    title(left, "Largest score of each look; above the dashed line it counts as drift")
    dates(left)
    right.hist(null, bins=40, orientation="horizontal", color=QUIET, alpha=0.7)
    title(right, f"The same in {len(null)} pairs of windows before training")
    for axes in (left, right):
        axes.axhline(limit, color=INK, linewidth=1.0, linestyle="--")
        plain(axes)
    right.axhline(values[-1], color=RUST if above[-1] else BLUE, linewidth=1.6)
    return figure


def drift_shapes(counts: Counts, check: DriftCheck, features: int = 6) -> Figure:
    """Where the values of the features that moved most lay in the reference, and where they lie now.

    Each bar is a tenth of the reference: without drift all would be 10 %.
    """
    leading = check.scores.sort_values(ascending=False).index[:features]
    tail = counts.upto(check.as_of, 270).values
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    for axes, name in zip(figure.subplots(1, features, sharey=True), leading, strict=True):
        column = list(counts.grid.features).index(name)
        shares = _by_tenth(tail[:250, column].sum(axis=0), tail[250:, column].sum(axis=0))
        axes.bar(range(1, len(shares) + 1), shares, color=RUST, width=0.7)
        axes.axhline(0.1, color=INK, linewidth=1.0, linestyle="--")
        axes.set_title(f"{name}\nPSI {check.psi[name]:.2f}", fontsize=9.5, color=INK)
        axes.set_xticks([])
        axes.yaxis.set_major_formatter("{x:.0%}")
        plain(axes)
    return figure


def _by_tenth(reference: np.ndarray, current: np.ndarray) -> np.ndarray:
    place = np.minimum((10 * (np.cumsum(reference) - reference / 2) / max(reference.sum(), 1)).astype(int), 9)
    return np.asarray(np.bincount(place, current, minlength=10) / max(current.sum(), 1))


def canary_evidence(test: QualityTest) -> Figure:
    """Evidence for promotion and for rollback by session, with the lines that decide, and r itself."""
    path = test.path
    days = range(1, len(path) + 1)
    figure = Figure(figsize=(10, 5.0), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[1.6, 1])
    upper.plot(days, [look.e_promote for look in path], color=GREEN, linewidth=1.6, label="promote")
    upper.plot(days, [look.e_rollback for look in path], color=RUST, linewidth=1.6, label="roll back")
    upper.axhline(1 / test.rules.alpha_promote, color=GREEN, linewidth=1.0, linestyle="--")
    upper.axhline(1 / test.rules.alpha_rollback, color=RUST, linewidth=1.0, linestyle="--")
    upper.set_yscale("log")
    upper.yaxis.set_major_formatter("{x:g}")
    upper.legend(frameon=False, fontsize=9, loc="upper left")
    title(upper, "Evidence (e-values); the first to reach its dashed line decides")
    lower.bar(days, [look.r for look in path], color=[GREEN if look.r > 0 else RUST for look in path], width=0.7)
    lower.axhline(-test.margin, color=INK, linewidth=1.0, linestyle="--")
    lower.set_xlabel("session of the canary")
    title(lower, "r of each session: above 0 the challenger's loss was the smaller; dashed: the margin")
    for axes in (upper, lower):
        plain(axes)
    return figure
