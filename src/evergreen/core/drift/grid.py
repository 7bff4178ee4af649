"""The fixed grid on which sessions are counted: quantiles of the training data, feature by feature."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.drift.columns import columns_of
from evergreen.errors import BadInput

BINS = 50  # five to a decile: enough to read deciles of any reference from one grid


@dataclass(frozen=True, eq=False)
class Grid:
    """Edges of each feature's bins: float64 [features, bins - 2], ascending, padded with +inf.

    A value v falls into bin i when edges[i - 1] <= v < edges[i]; missing and infinite ones into a bin of
    their own, the last.
    """

    features: tuple[str, ...]
    edges: NDArray[np.float64]

    @property
    def bins(self) -> int:
        """Bins per feature, the last one for values that are not finite."""
        return int(self.edges.shape[1]) + 2

    def cuts(self, column: int) -> NDArray[np.float64]:
        """The edges in use of the grid's `column`-th feature."""
        edges = self.edges[column]
        return np.asarray(edges[np.isfinite(edges)])

    def place(self, column: int, values: NDArray[Any]) -> NDArray[np.int64]:
        """The bin of each value of the grid's `column`-th feature."""
        wide = values.astype(np.float64)
        bins = np.searchsorted(self.cuts(column), wide, side="right")
        bins[~np.isfinite(wide)] = self.bins - 1
        return bins

    @cached_property
    def digest(self) -> str:
        """SHA-256 of names and edges: equal for grids whose counts can be compared."""
        names = "\n".join(self.features).encode()
        return sha256(names + b"\0" + np.ascontiguousarray(self.edges).tobytes()).hexdigest()

    def same(self, other: Grid) -> bool:
        """Whether counts on the two grids can be compared."""
        return self.features == other.features and np.array_equal(self.edges, other.edges)


def make_grid(features: pd.DataFrame, bins: int = BINS) -> Grid:
    """A grid of `bins` quantiles of each column of the training features, ties merged.

    A constant feature keeps one edge, at its value: a bin below, and one from there on. A feature that is
    always missing keeps none.

    Raises:
        BadInput: no rows, or fewer than ten bins.
    """
    if len(features) == 0 or bins < 10:
        raise BadInput(f"{len(features)} rows give no grid of {bins} bins.", "Give rows, and ten bins or more.")
    edges, names = np.full((features.shape[1], bins - 1), np.inf), list(features.columns)
    for column, values in enumerate(columns_of(features, names)):
        ascending = np.sort(values[np.isfinite(values)])
        if ascending.size:
            cuts = np.unique(quantiles(ascending, np.arange(1, bins) / bins))
            edges[column, : cuts.size] = cuts
    return Grid(tuple(str(name) for name in names), edges)


def quantiles(ascending: NDArray[np.floating], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """`np.quantile` of sorted values, to the bit: a sort of float32 takes a tenth of the time of its partition."""
    place = (len(ascending) - 1) * shares
    low = np.floor(place).astype(np.intp)
    part = place - low
    below, above = (ascending[np.minimum(low + step, len(ascending) - 1)].astype(np.float64) for step in (0, 1))
    return np.where(part < 0.5, below + (above - below) * part, above - (above - below) * (1 - part))
