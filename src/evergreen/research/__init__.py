"""What notebooks call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evergreen.research.panels import ResearchPanel

__all__ = ["panel"]


def panel(
    source: str = "",
    version: str = "",
    as_of: str = "",
    tickers: Sequence[str] = (),
    horizon: int = 1,
    target: str = "return",
) -> ResearchPanel:
    """Bars, features, labels and folds of a market, as a training here takes them; see `panels.read_panel`."""
    from evergreen.research.panels import read_panel

    return read_panel(source, version, as_of, tickers, horizon, target)
