"""The loss that suits a panel: by squared error with few tickers, by order with many."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from evergreen.core.evaluation.losses import Statistic
from evergreen.core.evaluation.metrics import rank_ic, session_losses

# Below it a session's order is mostly noise and what all tickers do is worth forecasting; above it what they share
# drowns the rest (docs/experiments/session-statistics.md).
MANY_TICKERS = 50


def suited_statistic(sessions: pd.Series, by_order: bool = True) -> Statistic:
    """By the median number of tickers a session, given the session of each row.

    Of what is not `by_order`, a volatility that all tickers share, say, the squared error at any breadth.
    """
    many = by_order and len(sessions) > 0 and float(sessions.value_counts().median()) >= MANY_TICKERS
    return Statistic.ORDER if many else Statistic.SQUARED_ERROR


def losses_by_session(statistic: Statistic, forecast: pd.Series, label: pd.Series) -> pd.Series:
    """One loss for each session with a known label, none below 0, smaller is better.

    By order a constant forecast, the random walk among them, has loss 1. A forecast that is not finite makes its
    session's loss infinite. To compare two models, give both the same tickers.

    Args:
        forecast, label: on one MultiIndex with a level "session".
    """
    squared = session_losses(forecast, label)
    order = rank_ic(forecast, label).reindex(squared.index)
    return pd.Series(choose_loss(statistic, squared, order), index=squared.index, name="loss")


def choose_loss(statistic: Statistic, squared: ArrayLike, rank_ic: ArrayLike) -> NDArray[np.float64]:
    """The loss of a statistic where both are known by session: mean squared errors and RankIC (NaN: undefined)."""
    losses = np.asarray(squared, float)
    if statistic is Statistic.SQUARED_ERROR:
        return losses
    return np.where(np.isfinite(losses), 1.0 - np.nan_to_num(np.asarray(rank_ic, float)), np.inf)
