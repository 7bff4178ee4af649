"""Drift as it would have been looked for after a training, on history at hand."""

from __future__ import annotations

import pandas as pd

from evergreen.core.bars.session import Session, iso
from evergreen.core.drift import (
    Calibration,
    Counts,
    DriftCheck,
    Grid,
    TooLittleHistory,
    calibrate,
    check,
    session_counts,
)
from evergreen.core.features import LOOKBACK
from evergreen.errors import BadInput

EVERY = 5  # sessions: a look a week


def calibrated(history: pd.DataFrame, grid: Grid) -> Calibration:
    """The null of the check on the features that a model was trained through.

    Raises:
        BadInput: too little history.
    """
    calibration = calibrate(session_counts(history, grid), memory=LOOKBACK)
    if isinstance(calibration, TooLittleHistory):
        raise BadInput(calibration.sentence, "Train through a later session.")
    return calibration


def looks_after(calibration: Calibration, counts: Counts, trained_through: Session) -> list[DriftCheck]:
    """A check each week after a session, as far as the counts reach.

    Raises:
        BadInput: not even one week, or too little history before it.
    """
    after = counts.sessions[counts.sessions > pd.Timestamp(iso(trained_through))]
    looks = [check(calibration, counts, session) for session in after[EVERY - 1 :: EVERY]]
    if not looks:
        raise BadInput(f"{len(after)} sessions came after {iso(trained_through)}, no week.", "Look at as_of.")
    return [look for look in looks if isinstance(look, DriftCheck)]
