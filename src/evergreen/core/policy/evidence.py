"""What a decision is made from, one kind of evidence for each question.

Each has `session`, its number in the driver's count of sessions, and `as_of`, the same session as a person reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from evergreen.core.canary import CanaryVerdict, Guardrails, QualityTest
from evergreen.core.drift import Cause, DriftCheck, Reaction, Standing, TooLittleHistory
from evergreen.core.gate.verdict import Verdict

Numbers = Mapping[str, float]


@dataclass(frozen=True, eq=False)
class SessionWatch:
    """What a session showed of the champion: does anything ask for a retraining?

    Attributes:
        session: its number.
        as_of: its date.
        check: of the features; None for a version without a calibration, whose features are not monitored.
        skill: how the champion's skill stands; `unproven` for the random walk.
        uncovered: whether its intervals lately missed more than they promise.
        refused: share of delivered rows that validation refused over the last 20 sessions, 0 to 1.
        missing: share of usual rows that were absent over them, 0 to 1.
        unadjusted: tickers whose price jumped like a split that no factor explains.
    """

    session: int
    as_of: str
    check: DriftCheck | TooLittleHistory | None = None
    skill: Standing = "unproven"
    uncovered: bool = False
    refused: float = 0.0
    missing: float = 0.0
    unadjusted: tuple[str, ...] = ()

    @property
    def numbers(self) -> Numbers:
        """What the actions carry along for the record."""
        shares = {"refused": self.refused, "missing": self.missing}
        if not isinstance(self.check, DriftCheck):
            return shares
        return shares | {"p_family": self.check.p_family, "statistic": self.check.statistic}


@dataclass(frozen=True)
class WatchFinding:
    """A session's watch, diagnosed: what it was, and what should follow. `outcome` is the drift verdict's."""

    session: int
    as_of: str
    outcome: str
    sentence: str
    cause: Cause
    reaction: Reaction
    numbers: Numbers = field(default_factory=dict)


@dataclass(frozen=True)
class Judged:
    """A version has been trained and judged.

    Attributes:
        session: its number.
        as_of: its date.
        version: the one that was judged.
        champion: the one it was judged against.
        verdict: the gate's; recorded also where the policy has no gate.
        first: only the random walk serves, so that there is nothing to be compared with on clients.
        refusal: why its canary would be hopeless (`PowerPlan.refusal`); empty if it is not, or there is to be none.
        plan: what its canary can see (`PowerPlan.sentence`).
        hindsight: mean difference of r over the next `Policy.hindsight` sessions, positive if the challenger is
            better; None where the future is not known.
    """

    session: int
    as_of: str
    version: str
    champion: str
    verdict: Verdict
    first: bool = False
    refusal: str = ""
    plan: str = ""
    hindsight: float | None = None

    @property
    def numbers(self) -> Numbers:
        """What the actions carry along for the record."""
        known = {"sessions": float(self.verdict.sessions), "recipe": float(self.verdict.place.number)}
        if self.verdict.test is None or self.verdict.margin is None:
            return known
        test = self.verdict.test
        return known | {"mean_r": test.mean, "lower90": test.lower90, "margin": self.verdict.margin}


@dataclass(frozen=True)
class PlaceFreed:
    """No canary may be running: does a version wait?"""

    session: int
    as_of: str

    @property
    def numbers(self) -> Numbers:
        """None of its own."""
        return {}


@dataclass(frozen=True)
class CanaryLook:
    """The running canary after a session.

    `verdict` and the numbers are those of its `QualityTest`; `expected_gain` is what record and canary let expect of r,
    `highest_e_rollback` the most that ever spoke of harm, `contradicted` whether the canary belies the record.
    `renewed`: the challenger is the champion's recipe, trained again. `objection` is why a promotion is not allowed
    yet: a person's approval or another system's yes is missing.
    """

    session: int
    as_of: str
    verdict: CanaryVerdict
    e_rollback: float
    guardrails: Guardrails = field(default_factory=Guardrails)
    objection: str = ""
    expected_gain: float = 0.0
    highest_e_rollback: float = 1.0
    contradicted: bool = False
    renewed: bool = False
    numbers: Numbers = field(default_factory=dict)

    @classmethod
    def of(cls, test: QualityTest, guardrails: Guardrails, session: int, as_of: str) -> Self:
        """The look at a test that has seen every session settled by `session`."""
        numbers = {
            "sessions": float(len(test.sessions)),
            "mean_r": test.mean_r,
            "margin": test.margin,
            "e_promote": test.e_promote,
            "e_rollback": test.e_rollback,
            "expected_gain": test.expected_gain,
        }
        return cls(
            session,
            as_of,
            test.decision,
            test.e_rollback,
            guardrails,
            expected_gain=test.expected_gain,
            highest_e_rollback=test.highest_e_rollback,
            contradicted=test.contradicts_record,
            renewed=test.rules.renewed,
            numbers=numbers,
        )


@dataclass(frozen=True)
class GuardrailsBroken:
    """Guardrails that a running canary, or a champion fresh from one, has broken, in sentences."""

    session: int
    as_of: str
    broken: tuple[str, ...]

    @property
    def numbers(self) -> Numbers:
        """None of its own."""
        return {}


@dataclass(frozen=True)
class InstanceDiffers:
    """What an arm served is not what its model says; `difference` is a sentence (`core.canary.instance`)."""

    session: int
    as_of: str
    version: str
    difference: str

    @property
    def numbers(self) -> Numbers:
        """None of its own."""
        return {}


Evidence = SessionWatch | WatchFinding | Judged | PlaceFreed | CanaryLook | GuardrailsBroken | InstanceDiffers
