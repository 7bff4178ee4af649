"""Drift: is the market different enough to retrain? Calibrated on the model's own history first."""

from evergreen.core.drift.calibration import Calibration, TooLittleHistory, calibrate
from evergreen.core.drift.cause import RULES, Cause, Diagnosis, Reaction, Signs, cause
from evergreen.core.drift.check import DriftCheck, DriftVerdict, Outcome, check, verdict
from evergreen.core.drift.counts import Counts, join, session_counts
from evergreen.core.drift.grid import Grid, make_grid
from evergreen.core.drift.psi import Windows, psi
from evergreen.core.drift.skill import SkillLook, SkillTest

__all__ = [
    "RULES",
    "Calibration",
    "Cause",
    "Counts",
    "Diagnosis",
    "DriftCheck",
    "DriftVerdict",
    "Grid",
    "Outcome",
    "Reaction",
    "Signs",
    "SkillLook",
    "SkillTest",
    "TooLittleHistory",
    "Windows",
    "calibrate",
    "cause",
    "check",
    "join",
    "make_grid",
    "psi",
    "session_counts",
    "verdict",
]
