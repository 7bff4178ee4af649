"""The columns of a frame one by one, without passing over all of its rows for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.dataset.panel import TOGETHER


def columns_of(features: pd.DataFrame, names: Sequence[str]) -> Iterator[NDArray[Any]]:
    """The values [rows] of each named feature in turn, contiguous: a frame's rows lie together, not its columns."""
    ordered = features if list(features.columns) == list(names) else features[list(names)]
    for start in range(0, len(names), TOGETHER):
        yield from np.ascontiguousarray(ordered.iloc[:, start : start + TOGETHER].to_numpy().T)
