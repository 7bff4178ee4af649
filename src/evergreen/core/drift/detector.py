"""Watching for ever without going blind: e-detectors, whose delay does not depend on how long all was well."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evergreen.core.canary.betting import BETS
from evergreen.errors import BadSetting

RUN_LENGTH = 1_000.0  # sessions, four years: a false alarm is rarer than the one retraining a year that drift may cost


class Detector:
    """Alarms once evidence that a mean has risen above 0 reaches a run length; every session is a possible beginning.

    In Shiryaev-Roberts form, per bet: M_t = (1 + M_{t-1}) (1 + lam x_t), M_0 = 0, which is the sum over all beginnings
    of the wealth staked since. For x in [-1, 1] with conditional mean of at most 0 the sum over t sessions is at most
    t in expectation, so that the mean number of sessions until M >= A is at least A (Shin, Ramdas & Rinaldo,
    "E-detectors", New England Journal of Statistics in Data Science 2023). Watched is the mean over the bets.

    Args:
        run_length: A, the least mean number of sessions between two false alarms.
        horizon: sessions until an outcome is known. Those in between share some of it, so that sessions are dealt to as
            many streams, whose evidence adds up.

    Raises:
        BadSetting: a run length of one session or less.
    """

    def __init__(self, run_length: float = RUN_LENGTH, horizon: int = 1) -> None:
        if not run_length > 1:
            raise BadSetting(f"a run length of {run_length} sessions is too short.", "Give more than one session.")
        self.run_length = float(run_length)
        self._by_bet: NDArray[np.float64] = np.zeros((horizon, BETS.size))
        self._turn = 0

    def add(self, x: float) -> float:
        """The evidence after one more session; x is cut at -1 and 1."""
        stream = self._by_bet[self._turn]
        self._by_bet[self._turn] = (1.0 + stream) * (1.0 + BETS * float(np.clip(x, -1, 1)))
        self._turn = (self._turn + 1) % len(self._by_bet)
        return self.evidence

    @property
    def evidence(self) -> float:
        """The mean over the bets, in sessions; 0 before the first."""
        return float(self._by_bet.mean(axis=1).sum())

    @property
    def alarmed(self) -> bool:
        """Whether the evidence stands at the run length or above."""
        return self.evidence >= self.run_length


def first_alarms(x: ArrayLike, run_length: float = RUN_LENGTH) -> NDArray[np.int64]:
    """Sessions until the first alarm, that one included, of each stream; 0 where none came.

    Args:
        x: [streams, sessions].
        run_length: as of `Detector`.
    """
    values = np.clip(np.asarray(x, float), -1, 1)
    alarms, by_bet = np.zeros(len(values), np.int64), np.zeros((len(values), BETS.size))
    for session, now in enumerate(values.T):
        by_bet = np.where(alarms[:, None] == 0, (1.0 + by_bet) * (1.0 + BETS * now[:, None]), 0.0)
        alarms[(alarms == 0) & (by_bet.mean(axis=1) >= run_length)] = session + 1
    return alarms
