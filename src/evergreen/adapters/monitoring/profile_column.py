"""One column of a profile, whichever library made it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.errors import BadInput

Floats: TypeAlias = NDArray[np.float64]


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
