"""Drift: is the market different enough to retrain? Calibrated on the model's own history first."""

from evergreen.core.drift.calibration import Calibration, TooLittleHistory, calibrate
from evergreen.core.drift.check import DriftCheck, DriftVerdict, Outcome, PastCheck, check, verdict
from evergreen.core.drift.counts import Counts, join, session_counts
from evergreen.core.drift.grid import Grid, make_grid
from evergreen.core.drift.psi import Windows, psi

__all__ = [
    "Calibration",
    "Counts",
    "DriftCheck",
    "DriftVerdict",
    "Grid",
    "Outcome",
    "PastCheck",
    "TooLittleHistory",
    "Windows",
    "calibrate",
    "check",
    "join",
    "make_grid",
    "psi",
    "session_counts",
    "verdict",
]
