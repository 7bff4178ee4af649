"""Do a version's intervals still hold what they promise?"""

from __future__ import annotations

from collections import deque

import numpy as np
import pandas as pd

from evergreen.core.canary.betting import innovations, shown_autocorrelation
from evergreen.core.canary.session_key import Session, session_key
from evergreen.core.drift.detector import RUN_LENGTH, Detector
from evergreen.errors import BadInput

LATELY = 20  # sessions in which an alarm is news: those that a drift check judges


class CoverageTest:
    """An e-detector on the share of a session's outcomes that lay outside their intervals.

    Bet against is "no more than the nominal share, or than the record's if that is larger". Intervals move with what
    they missed (docs/decisions/0007), so after an alarm the detector begins anew: what it says is that they could not
    keep up. A share that predicts the next session's, as the record's do, is bet on only as far as it surprises.

    Args:
        record: share outside by session of the walk-forward record, at least one.
        level: nominal coverage.
        run_length: the least mean number of sessions between two false alarms.
        horizon: sessions until an outcome is known.

    Raises:
        BadInput: an empty record or one with shares outside 0 to 1.
    """

    def __init__(
        self, record: pd.Series[float], level: float, run_length: float = RUN_LENGTH, horizon: int = 1
    ) -> None:
        shares = np.asarray(record, dtype=np.float64)
        if not len(shares) or not ((shares >= 0) & (shares <= 1)).all():
            raise BadInput("the record's shares outside the intervals are no shares.", "Give a walk-forward record.")
        self.promised = max(1.0 - level, float(shares.mean()))
        self.autocorrelation = shown_autocorrelation(shares, horizon)
        self._run_length, self._horizon = float(run_length), horizon
        self._before = deque([0.0] * horizon, horizon)
        self._detector = Detector(run_length, horizon)
        self._evidence: dict[str, float] = {}

    def update(self, session: Session, outside: float) -> bool:
        """Add a session's share outside, 0 to 1, and say whether it brought the alarm; one seen before says nothing."""
        key = session_key(session)
        if key in self._evidence:
            return False
        if self._detector.alarmed:
            self._detector = Detector(self._run_length, self._horizon)
        x = (outside - self.promised) / (1.0 - self.promised)
        surprise = innovations(np.array([self._before[0], x]), self.autocorrelation)[-1]
        self._before.append(x)
        self._evidence[key] = self._detector.add(float(surprise))
        return self._detector.alarmed

    @property
    def evidence(self) -> float:
        """In sessions; 0 before the first."""
        return self._detector.evidence

    @property
    def lost(self) -> bool:
        """Whether one of the last 20 sessions brought an alarm."""
        return any(evidence >= self._run_length for evidence in list(self._evidence.values())[-LATELY:])


def outside_by_session(rows: pd.DataFrame) -> pd.Series[float]:
    """Share of the known outcomes that lay outside their interval, by session, in order.

    Args:
        rows: session, outcome, lower, upper (log returns); rows without an outcome or an interval are passed over.
    """
    known = rows.dropna(subset=["outcome", "lower", "upper"])
    outside = ~known["outcome"].between(known["lower"], known["upper"])
    return outside.groupby(known["session"], sort=True).mean().astype(float)
