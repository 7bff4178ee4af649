"""Inference on the mean of one number per session, robust to autocorrelation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy  # whose modules come when they are first touched
from numpy.typing import ArrayLike

from evergreen.core.evaluation.robust import MAD_TO_SIGMA
from evergreen.errors import BadInput


@dataclass(frozen=True)
class DieboldMariano:
    """A mean with its Student-t statistic; `p_better` is one-sided for mean > 0, `p_worse` for mean < 0.

    `lower90` and `upper90` are one-sided 90 % confidence bounds; `interval` is two-sided.
    """

    sessions: int
    mean: float
    standard_error: float
    dof: int
    statistic: float
    p_better: float
    p_worse: float
    lower90: float
    upper90: float

    def interval(self, level: float = 0.90) -> tuple[float, float]:
        """Two-sided confidence interval of the mean."""
        half = self.standard_error * float(scipy.special.stdtrit(self.dof, 0.5 + level / 2))
        return self.mean - half, self.mean + half


def dm_test(r: ArrayLike) -> DieboldMariano:
    """Diebold-Mariano test of mean zero with the equal-weighted-cosine long-run variance.

    B = floor(0.4 T^(2/3)), Lam_j = sqrt(2/T) sum_t r_t cos(pi j (t - 1/2) / T), and
    sqrt(T) mean(r) / sqrt(mean_j Lam_j^2) is Student t with B degrees of freedom (Lazarus, Lewis,
    Stock & Watson, JBES 2018; Coroneo & Iacone, JAE 2020).

    Args:
        r: one value per session, in order of time.

    Raises:
        BadInput: fewer than two values, or one that is not finite.
    """
    values = np.asarray(r, dtype=float)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise BadInput("the test needs at least two finite values, one per session.", "Look for gaps in the losses.")
    T = len(values)
    B = max(1, math.floor(0.4 * T ** (2 / 3)))
    cosines = (
        scipy.fft.dct(values - values.mean(), type=2)[1 : B + 1] / 2
    )  # sum_t r_t cos(...): scipy's DCT-II is twice it
    standard_error = math.sqrt(float(np.mean(2.0 / T * cosines**2)) / T)
    return _inference(T, float(values.mean()), standard_error, B)


def scale(r: ArrayLike) -> float:
    """s = 2 * 1.4826 * MAD(r), MAD from the median: two robust standard deviations of r."""
    values = np.asarray(r, dtype=float)
    return 2.0 * MAD_TO_SIGMA * float(np.median(np.abs(values - np.median(values))))


def _inference(sessions: int, mean: float, standard_error: float, dof: int) -> DieboldMariano:
    statistic = mean / standard_error if standard_error > 0 else math.copysign(math.inf, mean) if mean else 0.0
    half = standard_error * float(scipy.special.stdtrit(dof, 0.90))
    return DieboldMariano(
        sessions=sessions,
        mean=mean,
        standard_error=standard_error,
        dof=dof,
        statistic=statistic,
        p_better=float(scipy.special.stdtr(dof, -statistic)),
        p_worse=float(scipy.special.stdtr(dof, statistic)),
        lower90=mean - half,
        upper90=mean + half,
    )
