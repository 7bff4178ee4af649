"""The population stability index of every feature over windows of sessions, from counts."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

FLOOR = 1e-4  # of a share: an empty decile is a large shift, not an infinite one
GROUPS = 10  # deciles, as PSI is usually read


@dataclass(frozen=True)
class Windows:
    """Sessions of a reference window, and of the current window right behind it."""

    reference: int = 250
    current: int = 20

    @property
    def span(self) -> int:
        """Sessions that one comparison takes."""
        return self.reference + self.current

    @property
    def pair(self) -> int:
        """Sessions that two consecutive current windows without overlap take, each with its reference."""
        return self.reference + 2 * self.current


def psi(reference: ArrayLike, current: ArrayLike) -> Floats:
    """PSI = sum over groups of (c - r) ln(c / r), on the reference's deciles, shares floored at 1e-4.

    The deciles are made of whole bins: a bin belongs to the decile that its middle falls into. Values
    that are not finite are a group of their own. A window without a single value gives NaN.

    Args:
        reference: counts [..., bins], the last bin counting values that are not finite.
        current: counts of the same shape.
    """
    expected, observed = shares(reference, current)
    return np.asarray(((observed - expected) * np.log(observed / expected)).sum(axis=-1))


def shares(reference: ArrayLike, current: ArrayLike) -> tuple[Floats, Floats]:
    """The shares [..., 11] that `psi` compares: of the reference and of the current window, by group."""
    reference_counts, current_counts = np.asarray(reference, float), np.asarray(current, float)
    groups = _deciles(reference_counts)
    return _shares(reference_counts, groups), _shares(current_counts, groups)


def sliding_psi(values: NDArray[np.int32], ends: NDArray[Any], windows: Windows) -> Floats:
    """PSI [ends, features] of current windows that end before each session place, and their references."""
    cuts = np.unique(np.concatenate([[0], *(ends - back for back in (windows.span, windows.current, 0))]))
    cumulative = np.zeros((len(cuts), *values.shape[1:]), np.int64)  # up to each cut, not to each session
    for place, (begin, end) in enumerate(pairwise(cuts.tolist()), start=1):
        np.add(cumulative[place - 1], values[begin:end].sum(axis=0, dtype=np.int64), out=cumulative[place])
    statistic = np.empty((len(ends), values.shape[1]))
    for row, end in enumerate(ends):
        start, middle, end = np.searchsorted(cuts, [end - windows.span, end - windows.current, end])
        statistic[row] = psi(cumulative[middle] - cumulative[start], cumulative[end] - cumulative[middle])
    return statistic


def _deciles(counts: Floats) -> NDArray[np.int64]:
    present = counts[..., :-1]
    total = np.maximum(present.sum(axis=-1, keepdims=True), 1)
    middle = (np.cumsum(present, axis=-1) - present / 2) / total
    deciles = np.minimum((middle * GROUPS).astype(np.int64), GROUPS - 1)
    missing = np.full((*counts.shape[:-1], 1), GROUPS)
    return np.concatenate([deciles, missing], axis=-1)


def _shares(counts: Floats, groups: NDArray[np.int64]) -> Floats:
    rows = counts.reshape(-1, counts.shape[-1])
    places = groups.reshape(rows.shape) + np.arange(len(rows))[:, None] * (GROUPS + 1)
    sums = np.bincount(places.ravel(), weights=rows.ravel(), minlength=len(rows) * (GROUPS + 1))
    totals = rows.sum(axis=1, keepdims=True)
    shares = sums.reshape(len(rows), -1) / np.where(totals > 0, totals, np.nan)
    return np.maximum(shares, FLOOR).reshape(*counts.shape[:-1], GROUPS + 1)
