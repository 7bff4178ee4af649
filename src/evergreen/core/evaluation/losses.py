"""Two models' losses in one number."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


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
