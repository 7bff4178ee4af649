"""Pictures of a replay: what policies served over time, what they did, how old their models were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from evergreen.adapters.figures.style import INK, LINES, QUIET, dates, plain, title
from evergreen.core.evaluation.losses import relative_difference

MARKS = {"retrain_requested": ("|", 5.0), "promote": ("^", 5.0), "rollback": ("v", 5.0)}
THIN = 1_500  # sessions above which a line is drawn by week: an eye sees no more


def served_skill(sessions: pd.DataFrame, decisions: pd.DataFrame) -> Figure:
    """Loss saved against the random walk, summed up, a line for each policy; retrainings and promotions as marks.

    Args:
        sessions: policy, session, n, loss, loss_random_walk.
        decisions: policy, session, kind.
    """
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    axes = figure.subplots()
    for colour, (policy, part) in zip(_colours(), sessions.groupby("policy", sort=False), strict=False):
        known = part[part["n"] > 0].set_index("session")
        gain = pd.Series(relative_difference(known["loss_random_walk"], known["loss"]), index=known.index).cumsum()
        line = gain.iloc[:: 1 if len(gain) < THIN else 5]
        axes.plot(line, color=colour, linewidth=1.4, label=str(policy))
        _mark(axes, gain, decisions[decisions["policy"] == policy], colour)
    axes.axhline(0.0, color=QUIET, linewidth=0.8)
    title(axes, "Loss saved against the random walk, summed up  (| retraining, \u25b2 promotion, \u25bc rollback)")
    figure.legend(frameon=False, fontsize=8, ncols=8, loc="outside lower center")
    dates(axes)
    plain(axes)
    return figure


def champions_age(sessions: pd.DataFrame) -> Figure:
    """How many sessions ago the serving model was trained, a line for each policy."""
    figure = Figure(figsize=(10, 2.6), layout="constrained")
    axes = figure.subplots()
    for colour, (policy, part) in zip(_colours(), sessions.groupby("policy", sort=False), strict=False):
        axes.plot(part["session"], part["age"], color=colour, linewidth=1.1, label=str(policy))
    title(axes, "Age of the champion, sessions")
    dates(axes)
    plain(axes)
    return figure


def rank_ic_intervals(policies: Sequence[Mapping[str, Any]]) -> Figure:
    """Mean RankIC of what was served, with its 90 % interval, a row for each policy."""
    figure = Figure(figsize=(10, 0.6 + 0.34 * len(policies)), layout="constrained")
    axes = figure.subplots()
    for place, (row, colour) in enumerate(zip(reversed(policies), reversed(_colours()[: len(policies)]), strict=True)):
        if row["rank_ic"] is None:
            continue
        axes.plot([row["rank_ic_lower90"], row["rank_ic_upper90"]], [place, place], color=colour, linewidth=2)
        axes.plot(row["rank_ic"], place, "o", color=colour)
    axes.set_yticks(np.arange(len(policies)), [row["policy"] for row in reversed(policies)])
    axes.axvline(0.0, color=QUIET, linewidth=0.8)
    title(axes, "RankIC of what was served, with its 90 % interval")
    plain(axes)
    return figure


def regret_and_cost(policies: Sequence[Mapping[str, Any]]) -> Figure:
    """What each policy lacks to hindsight, how often it trained, and the processor's seconds; a row for each policy."""
    figure = Figure(figsize=(10, 0.9 + 0.34 * len(policies)), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    heads = {"Regret, share of the span": "regret", "Retrainings": "retrainings", "Processor, seconds": "seconds"}
    for axes, (head, name) in zip(panels, heads.items(), strict=True):
        values = [row[name] for row in policies]
        bars = axes.barh(
            np.arange(len(policies)), [each or 0.0 for each in values], color=_colours()[: len(policies)], height=0.62
        )
        form = "{:.0%}" if name == "regret" else "{:.0f}"
        labels = ["" if each is None else form.format(each) for each in values]
        axes.bar_label(bars, labels, padding=3, fontsize=8, color=INK)
        axes.margins(x=0.2)
        axes.axvline(0.0, color=QUIET, linewidth=0.8)
        title(axes, head)
        plain(axes)
    panels[0].set_yticks(np.arange(len(policies)), [row["policy"] for row in policies])
    panels[0].invert_yaxis()
    return figure


def _mark(axes: Any, gain: pd.Series, decisions: pd.DataFrame, colour: str) -> None:
    for kind, (marker, size) in MARKS.items():
        days = decisions.loc[decisions["kind"] == kind, "session"]
        places = np.clip(gain.index.searchsorted(pd.DatetimeIndex(days)), 0, len(gain) - 1)
        axes.plot(gain.index[places], gain.iloc[places], marker, color=colour, markersize=size, alpha=0.7)


def _colours() -> list[str]:
    return [*LINES, *(INK for _ in range(24))]
