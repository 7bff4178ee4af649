"""Pictures of a drift check and of realized skill."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from evergreen.adapters.figures.style import BLUE, GREEN, INK, QUIET, RUST, dates
from evergreen.core.drift import Calibration, Counts, DriftCheck, SkillTest, shares

PANELS = 8  # two rows of four that can be read on a page


def against_null(check: DriftCheck, calibration: Calibration) -> Figure:
    """The family statistic among those of the replayed pairs, and the features with the largest scores."""
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    null = calibration.null_scores.min(axis=1).max(axis=1)
    left.hist(null, bins=30, color=QUIET)
    left.axvline(check.statistic, color=RUST if check.drifted else GREEN, linewidth=2)
    left.set_title(f"Largest score now (line) among {len(null)} replayed pairs: p {check.p_family:.3f}", loc="left")
    top = check.scores.sort_values(ascending=False).head(12)[::-1]
    right.barh(top.index, top, color=[RUST if name in check.culprits else QUIET for name in top.index], height=0.7)
    right.set_title("Scores in standard deviations of their own null; culprits in rust", loc="left")
    _plain(figure)
    return figure


def shifts(check: DriftCheck, counts: Counts, calibration: Calibration) -> Figure:
    """Where the values of the features that moved most fall now, by tenth of their reference."""
    names = list(check.scores.sort_values(ascending=False).head(PANELS).index)
    tail = counts.upto(check.as_of, calibration.windows.span).values
    places = [calibration.grid.features.index(name) for name in names]
    reach = calibration.windows.reference
    expected, observed = shares(tail[:reach, places].sum(axis=0), tail[reach:, places].sum(axis=0))
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    for axes, name, before, now in zip(figure.subplots(2, PANELS // 2).flat, names, expected, observed, strict=False):
        axes.bar(np.arange(1, 11), now[:10], color=RUST if name in check.culprits else BLUE, width=0.8)
        axes.step(np.arange(1, 11), before[:10], where="mid", color=INK, linewidth=1)
        axes.set_title(name, loc="left")
        axes.yaxis.set_major_formatter("{x:.0%}")
    _plain(figure)
    return figure


def history(sessions: Sequence[str], p_values: Sequence[float | None], level: float) -> Figure:
    """The family p-value of every check of a version so far."""
    days = pd.to_datetime(list(sessions))
    figure = Figure(figsize=(10, 2.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(days, [np.nan if p is None else p for p in p_values], "o-", color=BLUE, markersize=3, linewidth=1)
    axes.axhline(level, color=RUST, linewidth=1, linestyle="--")
    axes.set_yscale("log")
    axes.set_title(f"Family p at each look; dashed: {level:g}", loc="left")
    dates(axes)
    _plain(figure)
    return figure


def skill(test: SkillTest) -> Figure:
    """Evidence against the champion's skill, session by session, and the skill itself summed up."""
    path = test.path
    days = pd.to_datetime([look.session for look in path])
    figure = Figure(figsize=(10, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(days, [look.against_baseline for look in path], color=BLUE, label="against the baseline")
    left.plot(days, [look.against_record for look in path], color=GREEN, label="against the gate's record")
    left.axhline(test.run_length, color=RUST, linewidth=1, linestyle="--")
    left.set_yscale("log")
    left.set_title("Evidence that skill is lost; dashed: lost", loc="left")
    left.legend(frameon=False, fontsize=8)
    right.plot(days, np.cumsum([look.skill for look in path]), color=GREEN)
    right.axhline(0.0, color=QUIET, linewidth=0.8)
    right.set_title("Cumulative r over the naive baseline", loc="left")
    for axes in (left, right):
        dates(axes)
    _plain(figure)
    return figure


def _plain(figure: Figure) -> None:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=INK, labelsize=8)
        axes.title.set_fontsize(9)
        axes.set_title(axes.get_title(loc="left"), loc="left", fontsize=9, color=INK)
