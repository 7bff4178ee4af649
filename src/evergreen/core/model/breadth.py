"""What suits a panel of many tickers."""

from __future__ import annotations

from evergreen.core.evaluation.statistic import MANY_TICKERS

# Chosen on walk-forward windows of mid-2014 to 2016 of 505 stocks: docs/decisions/0013
# Eight folds: an order of many tickers shows in two years what a few tickers show in four.
# Boosters that differ in their seed, averaged: docs/decisions/0055
BROAD: dict[str, str | bool | int | float] = {
    "learner": "averaged_lightgbm",
    "folds": 8,
    "ranked": True,
    "rounds": 100,
    "patience": 0,
    "learning_rate": 0.2,
    "num_leaves": 16,
}
BROAD_FROM = MANY_TICKERS  # with fewer, a session's ranks say little and its common move is worth learning


def suited(tickers: int, by_order: bool = True) -> dict[str, str | bool | int | float]:
    """Choices of `core.model.config.TrainingConfig` for so many tickers; none where its defaults suit.

    They suit a few tickers, and of any number what is not `by_order`: `ranked` would take its level away.
    """
    return dict(BROAD) if by_order and tickers >= BROAD_FROM else {}
