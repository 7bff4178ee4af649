"""Sessions as counts on a fixed grid: all that drift is judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.drift.columns import columns_of
from evergreen.core.drift.grid import Grid
from evergreen.core.drift.npz import pack, unpack
from evergreen.errors import BadInput

Ints = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Counts:
    """How many values fell into each bin: int32 [sessions, features, bins], tickers of a session pooled.

    `sessions` ascend without duplicates. The last bin counts values that are not finite.

    Raises:
        BadInput: the parts do not belong together.
    """

    sessions: pd.DatetimeIndex
    grid: Grid
    values: Ints

    def __post_init__(self) -> None:
        shape = (len(self.sessions), len(self.grid.features), self.grid.bins)
        ascending = self.sessions.is_monotonic_increasing and self.sessions.is_unique
        if self.values.shape != shape or not ascending:
            raise BadInput(
                f"counts of shape {self.values.shape} do not fit {shape}: sessions, features, bins.",
                "Count sessions with session_counts and put them together with join.",
            )

    def upto(self, as_of: pd.Timestamp, sessions: int | None = None) -> Counts:
        """The last `sessions` sessions (by default all) that are not after `as_of`."""
        stop = int(self.sessions.searchsorted(as_of, side="right"))
        start = 0 if sessions is None else max(stop - sessions, 0)
        return Counts(self.sessions[start:stop], self.grid, self.values[start:stop])

    def to_bytes(self) -> bytes:
        """Everything, the grid included, as a compressed .npz."""
        return pack(
            sessions=self.sessions.to_numpy("datetime64[us]"),
            features=np.array(self.grid.features),
            edges=self.grid.edges,
            values=self.values,
        )

    @classmethod
    def from_bytes(cls, stored: bytes) -> Counts:
        """What `to_bytes` wrote.

        Raises:
            Broken: it is not that.
        """
        arrays = unpack(stored, ("sessions", "features", "edges", "values"))
        grid = Grid(tuple(arrays["features"].tolist()), arrays["edges"])
        return cls(pd.DatetimeIndex(arrays["sessions"]), grid, arrays["values"])


def session_counts(features: pd.DataFrame, grid: Grid) -> Counts:
    """Exact counts of a feature frame with index levels (ticker, session).

    Raises:
        BadInput: a feature of the grid is not in the frame.
    """
    missing = [name for name in grid.features if name not in features.columns]
    if missing:
        raise BadInput(f"feature {missing[0]!r} of the drift grid is not in the frame.", "Make a new grid.")
    sessions, places = np.unique(features.index.get_level_values("session"), return_inverse=True)
    values = np.empty((len(sessions), len(grid.features), grid.bins), np.int32)
    for column, measured in enumerate(columns_of(features, grid.features)):
        bins = grid.place(column, measured)
        counted = np.bincount(places * grid.bins + bins, minlength=len(sessions) * grid.bins)
        values[:, column] = counted.reshape(len(sessions), grid.bins)
    return Counts(pd.DatetimeIndex(sessions).as_unit("us"), grid, values)


def join(parts: Sequence[Counts]) -> Counts:
    """One history out of several on the same grid; where parts share a session the later part counts.

    Raises:
        BadInput: no parts, or parts of different grids.
    """
    if not parts or not all(part.grid.same(parts[0].grid) for part in parts):
        raise BadInput("these session counts do not share one grid.", "Count every session on the same grid.")
    sessions = np.concatenate([part.sessions.to_numpy("datetime64[us]") for part in parts])
    unique, last = np.unique(sessions[::-1], return_index=True)
    values = np.concatenate([part.values for part in parts])[::-1][last]
    return Counts(pd.DatetimeIndex(unique), parts[0].grid, values)
