"""Is the model that goes out the one that its record speaks of? The record is of the folds' models, never of its own.

On the window that a fold tests, the next fold's model, which has learnt that window too, forecasts much as the fold's
own. The last fold's next is the final model, and its agreement is held against the others'.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

FALSE_ALARM = 0.01  # of sound trainings are taken for broken ones, if their agreement varies as the folds' does
MOST = 1 - 1e-9  # so that models alike to the bit have a z
FEWEST = 4  # folds: two cannot show how agreement varies


@dataclass(frozen=True)
class Continuity:
    """Rank correlation of the final model with the last fold's over the last window, and the least that is usual."""

    agreement: float
    floor: float

    @property
    def metrics(self) -> dict[str, float | None]:
        """As a training's metrics have it."""
        return {"continuity": self.agreement, "continuity_floor": self.floor}

    @classmethod
    def from_metrics(cls, metrics: Mapping[str, float | None]) -> Self | None:
        """As it was measured; None where it was not."""
        agreement, floor = metrics.get("continuity"), metrics.get("continuity_floor")
        return None if agreement is None or floor is None else cls(agreement, floor)

    @property
    def objection(self) -> str:
        """Why the final model is not the one that its record speaks of; empty if it may be."""
        if self.agreement >= self.floor:
            return ""
        return (
            f"the final model is not the one that its record speaks of: it agrees with the last fold's by "
            f"{self.agreement:.2f}, and folds that follow each other agree by {self.floor:.2f} or more"
        )


def measure_continuity(
    own: NDArray[np.float64], following: NDArray[np.float64], rows: Sequence[int]
) -> Continuity | None:
    """Whether the last model of a chain agrees with the one before it as the others do.

    The floor is the lower prediction bound of one more value, by Student's t on Fisher's z of the others.

    Args:
        own: forecast of each fold's rows by the fold's model, one fold after another.
        following: of the same rows by the next fold's model, and of the last fold's by the final model.
        rows: how many of them each fold has.

    Returns:
        None with fewer than four folds, or where a fold's forecasts are all the same.
    """
    ends = np.cumsum(rows)[:-1]
    pairs = zip(np.split(own, ends), np.split(following, ends), strict=True)
    agreements = np.array([_rank_correlation(*pair) for pair in pairs])
    if len(agreements) < FEWEST or not np.isfinite(agreements).all():
        return None
    *before, last = np.arctanh(np.clip(agreements, -MOST, MOST))
    count = len(before)
    spread = float(np.std(before, ddof=1)) * math.sqrt(1 + 1 / count)
    floor = float(np.mean(before)) + float(stdtrit(count - 1, FALSE_ALARM)) * spread
    return Continuity(math.tanh(last), math.tanh(floor))


def _rank_correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    ranks = pd.DataFrame({"one": one, "other": other}).rank()
    return float(ranks["one"].corr(ranks["other"])) if (ranks.nunique() > 1).all() else math.nan
