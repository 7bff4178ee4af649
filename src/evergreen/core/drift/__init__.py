"""Drift: is the market different enough to retrain? Calibrated on the model's own history first."""

from evergreen.core.causes import TRIGGERS, Cause
from evergreen.core.drift.calibration import REMEMBERED, Calibration, TooLittleHistory, calibrate
from evergreen.core.drift.cause import LATELY, RULES, Diagnosis, Reaction, Signs, cause, missing_share
from evergreen.core.drift.check import COOLDOWN, LEVEL, DriftCheck, DriftVerdict, Outcome, check, verdict
from evergreen.core.drift.counts import Counts, join, session_counts
from evergreen.core.drift.coverage import CoverageTest, outside_by_session
from evergreen.core.drift.detector import RUN_LENGTH, Detector, first_alarms
from evergreen.core.drift.grid import Grid, make_grid
from evergreen.core.drift.psi import Windows, psi, shares
from evergreen.core.drift.realized import Realized, realized
from evergreen.core.drift.retrain_limits import Limits, Triggered, hold_back, next_generation
from evergreen.core.drift.skill import SkillLook, SkillTest, Standing

__all__ = [
    "COOLDOWN",
    "LATELY",
    "LEVEL",
    "REMEMBERED",
    "RULES",
    "RUN_LENGTH",
    "TRIGGERS",
    "Calibration",
    "Cause",
    "Counts",
    "CoverageTest",
    "Detector",
    "Diagnosis",
    "DriftCheck",
    "DriftVerdict",
    "Grid",
    "Limits",
    "Outcome",
    "Reaction",
    "Realized",
    "Signs",
    "SkillLook",
    "SkillTest",
    "Standing",
    "TooLittleHistory",
    "Triggered",
    "Windows",
    "calibrate",
    "cause",
    "check",
    "first_alarms",
    "hold_back",
    "join",
    "make_grid",
    "missing_share",
    "next_generation",
    "outside_by_session",
    "psi",
    "realized",
    "session_counts",
    "shares",
    "verdict",
]
