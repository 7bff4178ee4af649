"""Whether a row of features is one a model can be asked about: all there, and of the kind it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evergreen.core.dataset.panel import Matrix

TAIL = 1e-4  # rows left out at either end: a wrong split or two in years of bars, not a crisis
SAMPLE = 100_000  # rows drawn: ten at each end lie beyond TAIL, and 158 columns of them take 63 MB
MOST_MISSING = 0.20  # the 29 factors of one window, of 158, may be missing; not those of two
MOST_OUTSIDE = 0.05  # 250 times what TAIL leaves out at both ends in training

Range = tuple[tuple[float | None, ...], tuple[float | None, ...]]


@dataclass(frozen=True, eq=False)
class Inputs:
    """Shares of a model's features, 0 to 1, by row: `missing` ones, and ones `outside` the range of its training."""

    missing: NDArray[np.float64]
    outside: NDArray[np.float64]

    def is_incomplete(self, row: int) -> bool:
        """More than a fifth of the features are missing."""
        return bool(self.missing[row] > MOST_MISSING)

    def is_out_of_distribution(self, row: int) -> bool:
        """More than a twentieth of the features lie outside the range of training."""
        return bool(self.outside[row] > MOST_OUTSIDE)


def training_range(matrix: Matrix) -> Range:
    """Where the values of each feature lie, all but one in 10,000 at either end; None for one that is never finite.

    The extremes themselves would hide what is looked for: a training set of years holds a wrong split or two. Of
    more than 100,000 rows, as many are drawn (seeded).

    Args:
        matrix: rows x features.

    Returns:
        Lower and upper ends, each in the order of the features.
    """
    count = matrix.shape[0]
    few = np.sort(np.random.default_rng(0).choice(count, SAMPLE, replace=False)) if count > SAMPLE else slice(None)
    ends = [_ends(column) for column in np.ascontiguousarray(matrix[few].T)]
    return tuple(low for low, _ in ends), tuple(high for _, high in ends)


def _ends(column: NDArray[np.float32]) -> tuple[float | None, float | None]:
    finite = column[np.isfinite(column)]
    if not finite.size:
        return None, None
    low, high = np.quantile(finite, (TAIL, 1 - TAIL))
    return float(low), float(high)


def examine(rows: NDArray[np.float32], low: Sequence[float | None], high: Sequence[float | None]) -> Inputs:
    """How much of each row [rows x features] is missing or outside; without ends nothing counts as outside."""
    missing = ~np.isfinite(rows)
    outside = np.zeros_like(missing)
    if low and high:
        outside = (rows < _numbers(low, -np.inf)) | (rows > _numbers(high, np.inf))
    return Inputs(missing.mean(axis=1), outside.mean(axis=1))


def _numbers(ends: Sequence[float | None], unknown: float) -> NDArray[np.float64]:
    return np.array([unknown if end is None else end for end in ends])
