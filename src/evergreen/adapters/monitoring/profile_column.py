"""What profiles have in common, whichever library made them: a column, the values profiled, the merging."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Protocol, Self, TypeAlias, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.errors import BadInput

Floats: TypeAlias = NDArray[np.float64]


class Mergeable(Protocol):
    """A profile of one session or of several."""

    def merge(self, other: Self, /) -> Self:
        """Both in one."""


P = TypeVar("P", bound=Mergeable)


@dataclass(frozen=True)
class Column:
    """One column of a profile: `rows` in all, of them `finite` values and `infinite` ones; figures of the finite."""

    rows: int
    finite: int
    infinite: int
    mean: float
    stddev: float
    sketch: Any

    def shares_up_to(self, cuts: Sequence[float]) -> Floats:
        """The shares of finite values up to each of the rising cuts, and 1 at the end."""
        return np.array(self.sketch.get_cdf(list(cuts))) if len(cuts) else np.ones(1)

    def quantiles(self, at: Sequence[float]) -> list[float]:
        """The finite values' quantiles at the given shares."""
        return [float(value) for value in self.sketch.get_quantiles(list(at))]


def matrix_of(frame: pd.DataFrame) -> Floats:
    """The values of a frame.

    Raises:
        BadInput: a column that is not numeric.
    """
    words = [str(name) for name, kind in frame.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
    if words:
        raise BadInput(f"column {words[0]!r} is not numeric and cannot be profiled.", "Leave it out.")
    return frame.to_numpy(np.float64)


def merge(views: Iterable[P]) -> P:
    """One profile of many sessions; with whylogs 40 ms a session at 158 features, so meant for reports only.

    Raises:
        BadInput: nothing to merge.
    """
    merged = list(views)
    if not merged:
        raise BadInput("there is no profile to merge.", "Name at least one session.")
    return reduce(lambda one, other: one.merge(other), merged)
