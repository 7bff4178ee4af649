"""What a model is fitted on: returns as they are, or their order within each session in units of return."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from evergreen.core.dataset.panel import Panel

Array = NDArray[np.float64]


def normal_ranks(panel: Panel) -> Array:
    """Normal scores of the labels within their session: rank among n as the (rank - 1/2) / n quantile of N(0, 1).

    Each session stands alone, so the scores of past sessions hold nothing of later ones. What moves all
    tickers at once, most of a daily return's variance, is gone from them, and no outlier is left.
    """
    counts = np.diff(panel.first_row)
    session = np.arange(len(counts)).repeat(counts)
    rank = pd.Series(panel.label).groupby(session).rank().to_numpy()
    scores: Array = ndtri((rank - 0.5) / counts.repeat(counts))
    return scores


def return_per_score(scores: Array, label: Array) -> float:
    """Slope of the linear map through 0 from scores to returns, by least squares."""
    return float(scores @ label / max(float(scores @ scores), 1e-300))


def winsorized(label: Array, clip: float) -> Array:
    """Labels with what lies beyond their quantile `clip` and its mirror moved there; 0 leaves them."""
    return np.clip(label, *np.quantile(label, [clip, 1 - clip])) if clip > 0 else label
