"""The drift check of one session, and the verdict over several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import false_discovery_control

from evergreen.core.drift.calibration import Calibration, TooLittleHistory
from evergreen.core.drift.counts import Counts
from evergreen.core.drift.psi import sliding_psi
from evergreen.errors import BadInput

LEVEL = 0.02
COOLDOWN = 20
FALSE_DISCOVERY_RATE = 0.10


@dataclass(frozen=True, eq=False)
class DriftCheck:
    """The current window against its reference, as known at the close of `as_of`.

    `statistic` is the largest score over features (standard deviations of its own null), `p_family` its place
    among the null windows' largest scores. `psi`, `scores` and `p` are Series by feature. `culprits` are
    features named by Benjamini-Hochberg (q = 0.10), the largest score first; they decide nothing.
    """

    as_of: pd.Timestamp
    window_start: pd.Timestamp
    window_end: pd.Timestamp
    statistic: float
    p_family: float
    psi: pd.Series[float]
    scores: pd.Series[float]
    p: pd.Series[float]
    culprits: tuple[str, ...]
    drifted_window: bool

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
            "leader": self.leader,
            "culprits": list(self.culprits),
            "drifted_window": self.drifted_window,
        }


def check(
    calibration: Calibration, counts: Counts, as_of: pd.Timestamp, level: float = LEVEL
) -> DriftCheck | TooLittleHistory:
    """Compare the last window of sessions up to `as_of` with the reference right before it.

    Raises:
        BadInput: counts on another grid than the calibration's.
    """
    if not counts.grid.same(calibration.grid):
        raise BadInput("the counts are on another grid than the drift calibration.", "Count on its own grid.")
    windows = calibration.windows
    tail = counts.upto(as_of, windows.span)
    if len(tail.sessions) < windows.span:
        return TooLittleHistory(len(tail.sessions), windows.span)
    statistic = sliding_psi(tail.values, np.array([windows.span]), windows)[0].astype(np.float32)
    scores = calibration.scores(statistic)
    p_family = float(_p_values(calibration.family, scores.max()))
    by_feature = pd.DataFrame(
        {"psi": statistic, "scores": scores, "p": _p_values(calibration.null, statistic)},
        index=pd.Index(calibration.grid.features, name="feature"),
    )
    return DriftCheck(
        as_of=pd.Timestamp(as_of),
        window_start=tail.sessions[windows.reference],
        window_end=tail.sessions[-1],
        statistic=float(scores.max()),
        p_family=p_family,
        psi=by_feature["psi"],
        scores=by_feature["scores"],
        p=by_feature["p"],
        culprits=_culprits(by_feature),
        drifted_window=p_family <= level,
    )


def _p_values(null: NDArray[Any], observed: ArrayLike) -> NDArray[np.float64]:
    """(1 + #{null >= observed}) / (1 + n), by column."""
    return np.asarray((1 + (null >= np.asarray(observed)).sum(axis=0)) / (1 + len(null)))


def _culprits(by_feature: pd.DataFrame) -> tuple[str, ...]:
    adjusted = false_discovery_control(by_feature["p"].to_numpy(), method="bh")
    named = by_feature[adjusted <= FALSE_DISCOVERY_RATE].sort_values("scores", ascending=False, kind="stable")
    return tuple(named.index)


class Outcome(Enum):
    """What a drift verdict says."""

    NO_DRIFT = "no_drift"
    SUSPECTED = "suspected"
    DRIFT = "drift"
    COOLDOWN = "cooldown"
    TOO_LITTLE_HISTORY = "too_little_history"


class PastCheck(Protocol):
    """What the verdict needs of an earlier check of the same calibration."""

    @property
    def window_start(self) -> pd.Timestamp:
        """First session of its current window."""

    @property
    def window_end(self) -> pd.Timestamp:
        """Last session of its current window."""

    @property
    def p_family(self) -> float:
        """Its family p-value."""


@dataclass(frozen=True)
class DriftVerdict:
    """The verdict and the sentence that explains it."""

    outcome: Outcome
    sentence: str


def verdict(
    previous: Sequence[PastCheck],
    current: DriftCheck | TooLittleHistory,
    sessions_since_reset: int | None = None,
    level: float = LEVEL,
    cooldown: int = COOLDOWN,
) -> DriftVerdict:
    """Drift is two consecutive current windows that share no session, both with p_family <= level.

    The window before is that of the latest earlier check that ends before the current window starts, and no
    more than one window's length before. `previous` holds checks of this calibration only, in any order.

    Args:
        sessions_since_reset: sessions since the last retraining or rollback; None if there was none. Within
            `cooldown` nothing is found.
    """
    if isinstance(current, TooLittleHistory):
        return DriftVerdict(Outcome.TOO_LITTLE_HISTORY, current.sentence)
    if current.p_family > level:
        return DriftVerdict(Outcome.NO_DRIFT, f"No drift: family p {current.p_family:.3f} is above {level}.")
    finding = f"{current.leader} leads, family p {current.p_family:.3f}"
    if sessions_since_reset is not None and sessions_since_reset < cooldown:
        return DriftVerdict(
            Outcome.COOLDOWN,
            f"A drifted window ({finding}) within {cooldown} sessions of a retraining or rollback: waiting.",
        )
    before = _window_before(previous, current)
    if before is None or before.p_family > level:
        return DriftVerdict(
            Outcome.SUSPECTED, f"One drifted window ({finding}); a second one without overlap would be drift."
        )
    return DriftVerdict(
        Outcome.DRIFT,
        f"Drift: two windows in a row, to {before.window_end:%Y-%m-%d} and to {current.window_end:%Y-%m-%d} "
        f"({finding}).",
    )


def _window_before(previous: Sequence[PastCheck], current: DriftCheck) -> PastCheck | None:
    earlier = [past for past in previous if past.window_end < current.window_start]
    latest = max(earlier, key=lambda past: past.window_end, default=None)
    if latest is None:
        return None
    gap = _weekdays(latest.window_end, current.window_start)
    return latest if gap <= _weekdays(current.window_start, current.window_end) else None


def _weekdays(start: pd.Timestamp, end: pd.Timestamp) -> int:
    return int(np.busday_count(start.date(), end.date()))
