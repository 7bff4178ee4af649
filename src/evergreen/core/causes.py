"""Why a retraining begins, by name. Imports nothing heavy: every process that reads the requests needs it."""

from __future__ import annotations

from enum import Enum


class Cause(Enum):
    """Why things look different; the value is what is stored."""

    VENDOR_FAULT = "vendor_fault"
    CORPORATE_ACTION = "corporate_action"
    LOSS_OF_SKILL = "loss_of_skill"
    COVARIATE_SHIFT = "covariate_shift"
    LOSS_OF_COVERAGE = "loss_of_coverage"
    OLD_AGE = "old_age"
    CALENDAR = "calendar"
    NONE = "none"


# What may start a retraining, in the order in which it is asked: `core.drift.cause` has the rules.
TRIGGERS = (Cause.CALENDAR, Cause.LOSS_OF_SKILL, Cause.COVARIATE_SHIFT, Cause.OLD_AGE)
