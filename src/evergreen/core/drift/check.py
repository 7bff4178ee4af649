"""The drift check of one session: two consecutive windows without overlap, judged together."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd
import scipy  # whose modules come when they are first touched: scipy.stats takes a second
from numpy.typing import ArrayLike, NDArray

from evergreen.core.bars.session import iso
from evergreen.core.drift.calibration import Calibration, TooLittleHistory, pair_psi
from evergreen.core.drift.counts import Counts
from evergreen.errors import BadInput

LEVEL = 0.02  # a weekly look then finds about one false drift a year
COOLDOWN = 40  # sessions: until both windows of a check lie behind what was reset
FALSE_DISCOVERY_RATE = 0.10  # of the features named as culprits, which decide nothing


@dataclass(frozen=True, eq=False)
class DriftCheck:
    """The last two current windows against their references, as known at the close of `as_of`.

    A feature's score is the smaller of its two windows' scores, in standard deviations of its own null: both
    windows must be out of line, by the same feature. `statistic` is the largest score, `p_family` its place
    among the replayed pairs' largest scores; `p_window` is the same for the current window alone. `psi`
    (current window), `scores` and `p` are Series by feature. `culprits` are features named by
    Benjamini-Hochberg (q = 0.10), the largest score first; they decide nothing.
    """

    as_of: pd.Timestamp
    window_start: pd.Timestamp
    window_end: pd.Timestamp
    statistic: float
    p_family: float
    p_window: float
    level: float
    psi: pd.Series[float]
    scores: pd.Series[float]
    p: pd.Series[float]
    culprits: tuple[str, ...]

    @property
    def drifted(self) -> bool:
        """Both windows, judged together, lie outside what the training history shows."""
        return self.p_family <= self.level

    @property
    def drifted_window(self) -> bool:
        """The current window alone does."""
        return self.p_window <= self.level

    @property
    def leader(self) -> str:
        """The feature with the largest score, whether or not it counts as a culprit."""
        return str(self.scores.idxmax())

    def to_dict(self) -> dict[str, Any]:
        """The check without its per-feature columns, ready for JSON."""
        return {
            "as_of": self.as_of.date().isoformat(),
            "window_start": self.window_start.date().isoformat(),
            "window_end": self.window_end.date().isoformat(),
            "statistic": self.statistic,
            "p_family": self.p_family,
            "p_window": self.p_window,
            "level": self.level,
            "drifted": self.drifted,
            "drifted_window": self.drifted_window,
            "leader": self.leader,
            "culprits": list(self.culprits),
        }


def check(
    calibration: Calibration, counts: Counts, as_of: pd.Timestamp, level: float = LEVEL
) -> DriftCheck | TooLittleHistory:
    """Judge the sessions up to `as_of`: the last 20 and the 20 before, each against the 250 before it.

    At a level of 0.02 and a weekly look, at most about one false finding a year is to be expected. `counts`
    needs only the last 290 sessions; later ones are not looked at.

    Raises:
        BadInput: counts on another grid than the calibration's.
    """
    if not counts.grid.same(calibration.grid):
        raise BadInput("the counts are on another grid than the drift calibration.", "Count on its own grid.")
    windows = calibration.windows
    tail = counts.upto(as_of, windows.pair)
    if len(tail.sessions) < windows.pair:
        return TooLittleHistory(len(tail.sessions), windows.pair)
    statistic = pair_psi(tail.values, windows).astype(np.float32)
    scores, null = calibration.scores(statistic), calibration.null_scores
    both, null_both = scores.min(axis=0), null.min(axis=1)
    by_feature = pd.DataFrame(
        {"psi": statistic[1], "scores": both, "p": _p_values(null_both, both)},
        index=pd.Index(calibration.grid.features, name="feature"),
    )
    return DriftCheck(
        as_of=pd.Timestamp(as_of),
        window_start=tail.sessions[-windows.current],
        window_end=tail.sessions[-1],
        statistic=float(both.max()),
        p_family=float(_p_values(null_both.max(axis=1), both.max())),
        p_window=float(_p_values(null[:, 1].max(axis=1), scores[1].max())),
        level=level,
        psi=by_feature["psi"],
        scores=by_feature["scores"],
        p=by_feature["p"],
        culprits=_culprits(by_feature),
    )


def _p_values(null: NDArray[Any], observed: ArrayLike) -> NDArray[np.float64]:
    """(1 + #{null >= observed}) / (1 + n), by column."""
    return np.asarray((1 + (null >= np.asarray(observed)).sum(axis=0)) / (1 + len(null)))


def _culprits(by_feature: pd.DataFrame) -> tuple[str, ...]:
    adjusted = scipy.stats.false_discovery_control(by_feature["p"].to_numpy(), method="bh")
    named = by_feature[adjusted <= FALSE_DISCOVERY_RATE].sort_values("scores", ascending=False, kind="stable")
    return tuple(named.index)


class Outcome(Enum):
    """What a drift verdict says."""

    NO_DRIFT = "no_drift"
    SUSPECTED = "suspected"
    DRIFT = "drift"
    COOLDOWN = "cooldown"
    TOO_LITTLE_HISTORY = "too_little_history"


@dataclass(frozen=True)
class DriftVerdict:
    """The verdict and the sentence that explains it."""

    outcome: Outcome
    sentence: str


def verdict(
    current: DriftCheck | TooLittleHistory, sessions_since_reset: int | None = None, cooldown: int = COOLDOWN
) -> DriftVerdict:
    """What a check amounts to; found drift waits while a retraining or rollback is fresh.

    Args:
        current: the check of this session.
        sessions_since_reset: sessions since the last retraining or rollback; None if there was none.
        cooldown: sessions after it in which nothing is found; by default until both windows lie behind it.
    """
    if isinstance(current, TooLittleHistory):
        return DriftVerdict(Outcome.TOO_LITTLE_HISTORY, current.sentence)
    if current.drifted and sessions_since_reset is not None and sessions_since_reset < cooldown:
        waiting = f"only {sessions_since_reset} of {cooldown} sessions after a retraining or rollback: waiting."
        return DriftVerdict(Outcome.COOLDOWN, f"Two drifted windows ({_place(current)}), {waiting}")
    if current.drifted:
        return DriftVerdict(Outcome.DRIFT, f"Drift over two windows in a row ({_place(current)}).")
    if current.drifted_window:
        single = f"The current window drifted (p {current.p_window:.3f}), the one before did not follow suit"
        return DriftVerdict(Outcome.SUSPECTED, f"{single} (both together: p {current.p_family:.3f}).")
    return DriftVerdict(Outcome.NO_DRIFT, f"No drift: family p {current.p_family:.3f} is above {current.level}.")


def _place(current: DriftCheck) -> str:
    return f"{current.leader} leads, family p {current.p_family:.3f}, to {iso(current.window_end)}"
