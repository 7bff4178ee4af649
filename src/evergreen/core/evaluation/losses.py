"""Two models' losses in one number."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

WORST_ORDER = 2.0  # 1 - RankIC of the reverse order; what has no order counts as that


class Statistic(StrEnum):
    """What a session's loss is: mean squared error, or 1 - RankIC (from 0, a perfect order, to 2, its reverse)."""

    SQUARED_ERROR = "squared error"
    ORDER = "order"


def difference(statistic: Statistic, loss_a: ArrayLike, loss_b: ArrayLike) -> NDArray[np.float64]:
    """r of two models by session, in [-2, 2]; positive says that B's loss is the smaller one.

    Squared errors differ by orders of magnitude from session to session, so that their difference is relative (see
    `relative_difference`). Of orders it is RankIC_B - RankIC_A: relative to their mean it would reward a RankIC that
    varies (of a model whose RankIC averages 0, r against the random walk would average half its variance).
    """
    if statistic is Statistic.SQUARED_ERROR:
        return relative_difference(loss_a, loss_b)
    a, b = (np.minimum(np.asarray(each, float), WORST_ORDER) for each in (loss_a, loss_b))
    return np.asarray(a - b)


def relative_difference(loss_a: ArrayLike, loss_b: ArrayLike) -> NDArray[np.float64]:
    """r = (A - B) / ((A + B) / 2) in [-2, 2]; positive says that B's loss is the smaller one.

    Equal losses, also two of zero or two infinite ones, give 0; one infinite loss gives the bound. Inputs are
    not negative and not missing; shapes broadcast.
    """
    a, b = np.broadcast_arrays(np.asarray(loss_a, float), np.asarray(loss_b, float))
    endless_a, endless_b = np.isinf(a), np.isinf(b)
    endless = endless_a | endless_b
    a, b = np.where(endless, endless_a & ~endless_b, a), np.where(endless, endless_b & ~endless_a, b)
    largest = np.maximum(a, b)
    unit = np.where(largest > 0, largest, 1.0)
    a, b = a / unit, b / unit
    return np.asarray((a - b) / np.where(largest > 0, (a + b) / 2, 1.0))


def skill_score(loss: ArrayLike, baseline: ArrayLike) -> NDArray[np.float64]:
    """1 - loss / baseline: the share of the baseline's loss that a model saves (Murphy, MWR 1988).

    With the random walk's losses as baseline it is the gain over the random walk: 0 is no better, negative is worse.
    Means or sums over the same rows; shapes broadcast. NaN where the baseline's loss is not above 0.
    """
    a, b = np.broadcast_arrays(np.asarray(loss, float), np.asarray(baseline, float))
    return np.asarray(1.0 - a / np.where(b > 0, b, np.nan))
