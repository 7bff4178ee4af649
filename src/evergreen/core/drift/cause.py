"""A cause decides the reaction: what looks like drift is first asked whether it is a broken delivery."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import ArrayLike

from evergreen.core.causes import TRIGGERS, Cause
from evergreen.core.drift.psi import Windows
from evergreen.core.drift.skill import Standing

LATELY = Windows().current  # sessions whose rows say whether the data is at fault: those that a drift check judges


class Reaction(Enum):
    """What follows."""

    BLOCK = "block"
    REPAIR = "repair"
    RETRAIN = "retrain"
    WATCH = "watch"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Signs:
    """What is known at the time of a drift verdict, all about its current window.

    `refused` is the share of delivered rows that validation refused, `missing` the share of expected rows that
    are absent, `unadjusted` names tickers whose price jumped like a split that no factor explains, `aged` says
    that nothing has been trained for longer than a model is to go without, `due` that a calendar asks for a training,
    `uncovered` that intervals miss more outcomes than they promise.
    """

    drift: bool
    skill: Standing
    refused: float = 0.0
    missing: float = 0.0
    unadjusted: tuple[str, ...] = ()
    aged: bool = False
    due: bool = False
    uncovered: bool = False


@dataclass(frozen=True)
class CauseRule:
    """If it applies, this is the cause, and this follows."""

    cause: Cause
    reaction: Reaction
    applies: Callable[[Signs], bool]
    because: str


@dataclass(frozen=True)
class Diagnosis:
    """The first rule that applied, in words."""

    cause: Cause
    reaction: Reaction
    sentence: str


REFUSED_LIMIT = 0.01  # a large universe has a bad row now and then; more of them is a sick vendor
MISSING_LIMIT = 0.10  # a ticker or two of a small universe may be suspended; a tenth of it is a lost delivery

RULES: tuple[CauseRule, ...] = (
    CauseRule(
        Cause.CALENDAR,
        Reaction.RETRAIN,
        lambda signs: signs.due,
        "the sessions between two trainings have passed; retrain",
    ),
    CauseRule(
        Cause.CORPORATE_ACTION,
        Reaction.REPAIR,
        lambda signs: bool(signs.unadjusted),
        "a price jumped like a split that no factor explains; repair the factor and validate again",
    ),
    CauseRule(
        Cause.VENDOR_FAULT,
        Reaction.BLOCK,
        lambda signs: signs.refused > REFUSED_LIMIT or signs.missing > MISSING_LIMIT,
        "the delivery itself is at fault; block it and tell a person, never retrain on it",
    ),
    CauseRule(
        Cause.LOSS_OF_SKILL,
        Reaction.RETRAIN,
        lambda signs: signs.skill == "lost",
        "the champion no longer does what its gate record promised; retrain",
    ),
    CauseRule(
        Cause.COVARIATE_SHIFT,
        Reaction.RETRAIN,
        lambda signs: signs.drift and signs.skill != "held",
        "the features moved and the champion has not shown that its skill holds; retrain",
    ),
    CauseRule(
        Cause.OLD_AGE,
        Reaction.RETRAIN,
        lambda signs: signs.aged,
        "nothing was trained for longer than a model is to go without; retrain",
    ),
    CauseRule(
        Cause.COVARIATE_SHIFT,
        Reaction.WATCH,
        lambda signs: signs.drift,
        "the features moved while the champion's skill holds; note it and watch closer",
    ),
    CauseRule(
        Cause.LOSS_OF_COVERAGE,
        Reaction.WATCH,
        lambda signs: signs.uncovered,
        "the intervals miss more outcomes than they promise; they widen by themselves, so watch closer",
    ),
)


def cause(signs: Signs, triggers: Collection[Cause] = TRIGGERS) -> Diagnosis:
    """The first of `RULES` that applies, broken data before drift: a retraining on a bad split costs most.

    A calendar alone goes before it: it looks at nothing. A rule that asks for a retraining counts only if its cause is
    among `triggers`.
    """
    for rule in RULES:
        if rule.reaction is Reaction.RETRAIN and rule.cause not in triggers:
            continue
        if rule.applies(signs):
            return Diagnosis(rule.cause, rule.reaction, f"{rule.cause.value}: {rule.because}.")
    return Diagnosis(Cause.NONE, Reaction.NOTHING, "Nothing moved beyond what this model's history shows.")


def missing_share(rows: ArrayLike) -> float:
    """The share of a usual session's rows that the last sessions lack.

    Args:
        rows: the number of rows by session, in order of time; their median is usual.
    """
    counted = np.asarray(rows, dtype=float)
    usual, lately = float(np.median(counted)), counted[-LATELY:]
    return max(0.0, 1 - float(lately.sum()) / (usual * len(lately))) if usual else 0.0
