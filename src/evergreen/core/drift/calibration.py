"""What drift statistics look like when nothing has drifted: the null, replayed from the training history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evergreen.core.drift.counts import Counts
from evergreen.core.drift.grid import Grid
from evergreen.core.drift.npz import pack, unpack
from evergreen.core.drift.psi import Floats, Windows, sliding_psi

SATURATED = 8.5
NEAREST = 0.02
SMALLEST = 1e-3
LEAST_SPREAD = 0.1


@dataclass(frozen=True)
class TooLittleHistory:
    """Not a failure but an answer: `sessions` of the `needed` ones are there."""

    sessions: int
    needed: int

    @property
    def sentence(self) -> str:
        """What to tell a person."""
        return f"Too little history to judge drift: {self.sessions} sessions, {self.needed} needed."


@dataclass(frozen=True, eq=False)
class Calibration:
    """The null of every feature, float32 [windows, features], on one grid; stored with its model.

    `method` is "replay" (all earlier window pairs) or "bootstrap" (drawn from blocks of a short history).
    """

    grid: Grid
    windows: Windows
    null: NDArray[np.float32]
    method: str

    def scores(self, statistic: NDArray[Any]) -> Floats:
        """PSI [..., features] in standard deviations of its own null.

        Standardised on the scale ln(PSI) - ln(8.5 - PSI): deciles floored at 1e-4 let PSI rise no higher than
        about 8.3, and slow features come near it without any drift, so distances there must be stretched.
        """
        null = _stretched(self.null)
        spread = np.maximum(null.std(axis=0), LEAST_SPREAD)
        return np.asarray((_stretched(statistic) - null.mean(axis=0)) / spread)

    @property
    def family(self) -> Floats:
        """The largest score of each null window."""
        return np.asarray(self.scores(self.null).max(axis=1))

    def to_bytes(self) -> bytes:
        """Everything, the grid included, as a compressed .npz."""
        return pack(
            features=np.array(self.grid.features),
            edges=self.grid.edges,
            windows=np.array([self.windows.reference, self.windows.current]),
            null=self.null,
            method=np.array([self.method]),
        )

    @classmethod
    def from_bytes(cls, stored: bytes) -> Calibration:
        """What `to_bytes` wrote.

        Raises:
            Broken: it is not that.
        """
        arrays = unpack(stored, ("features", "edges", "windows", "null", "method"))
        grid = Grid(tuple(arrays["features"].tolist()), arrays["edges"])
        reference, current = arrays["windows"].tolist()
        return cls(grid, Windows(reference, current), arrays["null"], str(arrays["method"][0]))


def calibrate(
    counts: Counts,
    windows: Windows | None = None,
    stride: int = 5,
    min_windows: int = 150,
    memory: int = 60,
    draws: int = 200,
    seed: int = 7,
) -> Calibration | TooLittleHistory:
    """The null of the drift check from the training history's counts.

    Replays every earlier window pair at `stride` if that gives `min_windows` of them (150 are what a level of
    0.02 needs). Otherwise draws `draws` histories from blocks of max(2 x memory, 40) sessions, whole
    cross-section kept, `memory` being the sessions that the slowest feature looks back. A history shorter
    than a window pair or two blocks is too little.
    """
    windows = windows or Windows()
    sessions, block = len(counts.sessions), max(2 * memory, 40)
    needed = max(windows.span, 2 * block)
    if sessions < needed:
        return TooLittleHistory(sessions, needed)
    ends = np.arange(windows.span, sessions + 1, stride)
    if len(ends) >= min_windows:
        statistic, method = sliding_psi(counts.values, ends, windows), "replay"
    else:
        statistic, method = _bootstrap(counts, windows, block, draws, seed), "bootstrap"
    return Calibration(counts.grid, windows, statistic.astype(np.float32), method)


def _bootstrap(counts: Counts, windows: Windows, block: int, draws: int, seed: int) -> Floats:
    generator = np.random.default_rng(seed)
    blocks = -(-windows.span // block)
    statistic = np.empty((draws, len(counts.grid.features)))
    for draw in range(draws):
        starts = generator.integers(0, len(counts.sessions) - block + 1, (blocks, 1))
        places = (starts + np.arange(block)).ravel()[-windows.span :]
        statistic[draw] = sliding_psi(counts.values[places], np.array([windows.span]), windows)[0]
    return statistic


def _stretched(statistic: NDArray[Any]) -> Floats:
    wide = statistic.astype(np.float64)
    return np.asarray(np.log(wide + SMALLEST) - np.log(np.maximum(SATURATED - wide, NEAREST)))
