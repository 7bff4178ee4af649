"""How every picture looks: colours, axes, dates; and how it is saved."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, DayLocator
from matplotlib.figure import Figure

INK, QUIET, GREEN, RUST, BLUE, OCHRE = "#1f2933", "#9aa5b1", "#2f7d4f", "#b4532a", "#2b6cb0", "#b7791f"
WEEK = 8.0  # days and a margin: shorter axes would be marked by the hour
LINES = (GREEN, BLUE, RUST, OCHRE, "#6b46c1", "#0f766e", "#9d174d", INK)


def save(figure: Figure, path: Path) -> str:
    """Write the figure as PNG, making its folder; the path as text, as IPython's Image takes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, facecolor="white", metadata={"Software": None})
    return str(path)


def title(axes: Axes, text: str) -> None:
    """A title at the left."""
    axes.set_title(text, loc="left", fontsize=9.5, color=INK)


def cumulative(axes: Axes, values: pd.Series, colour: str) -> None:
    """The running sum of `values` by session."""
    total = values.cumsum()
    axes.plot(total, color=colour, linewidth=1.5)
    axes.fill_between(total.index, total.to_numpy(), color=colour, alpha=0.10, linewidth=0)
    axes.axhline(0.0, color=QUIET, linewidth=0.8)
    dates(axes)
    plain(axes)


def dates(axes: Axes) -> None:
    """Dates no longer than they need be, and never an hour: call it once the sessions are drawn."""
    low, high = axes.get_xlim()
    locator = DayLocator() if high - low < WEEK else AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def plain(axes: Axes) -> None:
    """No frame, small labels."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9)
    axes.xaxis.label.set_fontsize(9)
    axes.yaxis.label.set_fontsize(9)
