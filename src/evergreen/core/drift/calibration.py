"""What drift statistics look like when nothing has drifted: the null, replayed from the training history."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evergreen.core.drift.counts import Counts
from evergreen.core.drift.grid import Grid
from evergreen.core.drift.npz import pack, unpack
from evergreen.core.drift.psi import Floats, Windows, psi, sliding_psi
from evergreen.errors import BadInput

SATURATED = 8.5  # just above 8.3, the largest PSI that shares floored at 1e-4 can have
NEAREST = 0.02  # how near to it a PSI may come, so that its logarithm stays finite
SMALLEST = 1e-3  # the same at the other end: a PSI below it is none
LEAST_SPREAD = 0.1  # of a null, on the stretched scale: a feature that never moved does not alarm at a breath
REMEMBERED = (
    1_500  # sessions that a null is replayed from: a crisis before them widens it no more, and six years are enough
)
WIDENING = 1.4  # of a bootstrapped null, which a short history makes too narrow (docs/decisions/0008)


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
    """The null on one grid, float32 [pairs, 2, features]: PSI of a current window and of the one before it.

    Stored with its model. `method` is "replay" (all earlier pairs) or "bootstrap" (blocks of a short
    history).
    """

    grid: Grid
    windows: Windows
    null: NDArray[np.float32]
    method: str

    def scores(self, statistic: NDArray[Any]) -> Floats:
        """PSI [..., features] in standard deviations of its own null.

        Standardised on the scale ln(PSI) - ln(8.5 - PSI): deciles floored at 1e-4 let PSI rise no higher than
        about 8.3, and slow features come near it without any drift, so distances there must be stretched.
        Ranks
        would not do: some feature sets a record in a fifth of all quiet windows, and records tie.
        """
        centre, spread = self._moments
        return np.asarray((_stretched(statistic) - centre) / spread)

    @cached_property
    def null_scores(self) -> Floats:
        """The scores of the null itself, [pairs, 2, features]."""
        return self.scores(self.null)

    @cached_property
    def _moments(self) -> tuple[Floats, Floats]:
        null = _stretched(self.null[:, 1])
        return null.mean(axis=0), np.maximum(null.std(axis=0), LEAST_SPREAD)

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
    remembered: int = REMEMBERED,
) -> Calibration | TooLittleHistory:
    """The null of the drift check from the last `remembered` sessions of the training history's counts.

    Replays every earlier pair of consecutive windows at `stride` if that gives `min_windows` of them (150 are
    what a level of 0.02 needs). Otherwise draws `draws` histories from blocks of max(2 x memory, 40)
    sessions, whole cross-section kept, `memory` being the sessions that the slowest feature looks back. What
    is drawn so is spread 1.4 times wider, as a short history shows too little of its own variety (simulated:
    two false findings a year without it, 0.4 with it). A history shorter than one pair is too little.

    Raises:
        BadInput: a stride that the current window is no multiple of.
    """
    windows = windows or Windows()
    if stride < 1 or windows.current % stride:
        raise BadInput(f"a current window of {windows.current} is no multiple of the stride {stride}.", "Use 5.")
    values, block = counts.values[-remembered:], max(2 * memory, 40)
    sessions = len(values)
    if sessions < windows.pair:
        return TooLittleHistory(sessions, windows.pair)
    ends, lag = np.arange(windows.span, sessions + 1, stride), windows.current // stride
    if len(ends) - lag >= min_windows:
        single = sliding_psi(values, ends, windows)
        null, method = np.stack([single[:-lag], single[lag:]], axis=1), "replay"
    else:
        null, method = _bootstrap(values, windows, block, draws, seed), "bootstrap"
    return Calibration(counts.grid, windows, null.astype(np.float32), method)


def pair_psi(values: NDArray[np.int32], windows: Windows) -> Floats:
    """PSI [2, features] of the last two current windows of `values`, the earlier first."""
    start, middle = windows.current, windows.reference
    before = psi(values[:middle].sum(axis=0), values[middle : middle + start].sum(axis=0))
    now = psi(values[start : start + middle].sum(axis=0), values[start + middle :].sum(axis=0))
    return np.stack([before, now])


def _bootstrap(values: NDArray[np.int32], windows: Windows, block: int, draws: int, seed: int) -> Floats:
    generator = np.random.default_rng(seed)
    block = min(block, len(values))
    blocks = -(-windows.pair // block)
    null = np.empty((draws, 2, values.shape[1]))
    for draw in range(draws):
        starts = generator.integers(0, len(values) - block + 1, (blocks, 1))
        places = (starts + np.arange(block)).ravel()[-windows.pair :]
        null[draw] = pair_psi(values[places], windows)
    return _widened(null)


def _widened(null: Floats) -> Floats:
    stretched = _stretched(null)
    centre = stretched[:, 1].mean(axis=0)
    odds = np.exp(centre + WIDENING * (stretched - centre))
    return np.asarray(np.maximum((SATURATED * odds - SMALLEST) / (1 + odds), 0))


def _stretched(statistic: NDArray[Any]) -> Floats:
    wide = statistic.astype(np.float64)
    return np.asarray(np.log(wide + SMALLEST) - np.log(np.maximum(SATURATED - wide, NEAREST)))
