"""How far a challenger is let out: up a ladder of stages to champion; or rolled back, or inconclusive."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from evergreen.core.canary.verdict import CanaryVerdict
from evergreen.errors import BadInput

EVERYBODY = 10_000  # basis points of clients

STEADY = "steady"  # no canary runs
SHADOW = "shadow"  # the first stage of any ladder: scores every request, answers none
CHAMPION = "champion"
ROLLED_BACK = "rolled_back"
INCONCLUSIVE = "inconclusive"
DECLINED = "declined"  # without a verdict, by what is to be expected of it
FINAL = frozenset({CHAMPION, ROLLED_BACK, INCONCLUSIVE, DECLINED})
RESERVED = FINAL | {STEADY}


@dataclass(frozen=True)
class Stage:
    """One step of the ladder.

    `weight`: share of clients that the challenger answers, in basis points. `clean_sessions`: how many it takes
    before the next stage; the last stage waits for the quality test instead. `e_rollback_limit`: the stage is
    entered only while less than this speaks of harm.
    """

    name: str
    weight: int
    clean_sessions: int = 5
    e_rollback_limit: float = float("inf")

    @property
    def label(self) -> str:
        """The stage as a person reads it: its share of clients, or its name where it answers none."""
        return f"{self.weight / 100:g} %" if self.weight else self.name


@dataclass(frozen=True)
class Ladder:
    """The stages a challenger goes through, in order. The first is the shadow; each next one answers more clients.

    Raises:
        BadInput: stages that are no ladder.
    """

    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        if problem := _problem(self.stages):
            raise BadInput(
                f"the ladder of canary stages {problem}.",
                f"Begin with {SHADOW!r} at weight 0, then raise the weight with each stage, below {EVERYBODY}.",
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the stages, in order."""
        return tuple(stage.name for stage in self.stages)

    def stage(self, name: str) -> Stage:
        """The stage of that name.

        Raises:
            BadInput: it is not on this ladder.
        """
        return self.stages[self._place(name)]

    def after(self, name: str) -> Stage | None:
        """The stage that follows, None after the last one."""
        return next(iter(self.stages[self._place(name) + 1 :]), None)

    def to_json(self) -> list[list[Any]]:
        """The ladder as plain data: one list a stage, with None where no limit on E_rollback is set."""
        unlimited = float("inf")
        return [
            [
                one.name,
                one.weight,
                one.clean_sessions,
                None if one.e_rollback_limit == unlimited else one.e_rollback_limit,
            ]
            for one in self.stages
        ]

    @classmethod
    def from_json(cls, rows: Sequence[Sequence[Any]]) -> Self:
        """The ladder that `to_json` wrote.

        Raises:
            BadInput: stages that are no ladder.
        """
        return cls(tuple(Stage(*row[:3], *(limit for limit in row[3:] if limit is not None)) for row in rows))

    def _place(self, name: str) -> int:
        if name not in self.names:
            raise BadInput(f"{name!r} is no canary stage.", f"Known: {', '.join(self.names)}.")
        return self.names.index(name)


def _problem(stages: Sequence[Stage]) -> str:
    names, weights = [stage.name for stage in stages], [stage.weight for stage in stages]
    if names[:1] != [SHADOW] or weights[:1] != [0]:
        return f"does not begin with {SHADOW!r} at weight 0"
    if taken := RESERVED & set(names) or {name for name in names if names.count(name) > 1 or not name}:
        return f"has a stage {min(taken)!r}, which is reserved, empty or there twice"
    if any(later <= earlier for earlier, later in itertools.pairwise(weights)) or weights[-1] >= EVERYBODY:
        return f"has the weights {', '.join(map(str, weights))}, which do not rise"
    if any(stage.clean_sessions < 1 for stage in stages):
        return "has a stage that takes no clean session"
    return ""


SPEAKS_OF_HARM = 3.0  # E_rollback: odds of three to one, a third of what rolls back
# Five sessions are one week of trading: each weekday is met once before more clients are let in. Half the clients
# are let in only while nothing speaks of harm.
LADDER = Ladder(
    (
        Stage(SHADOW, 0, clean_sessions=1),
        Stage("canary_5", 500),
        Stage("canary_25", 2_500),
        Stage("canary_50", 5_000, e_rollback_limit=SPEAKS_OF_HARM),
    )
)


@dataclass(frozen=True)
class Guardrails:
    """What the guardrails say, in sentences: `broken` ones roll back, `missing` ones hold back."""

    broken: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """Where the challenger stands next (a stage of the ladder or a final one), its weight, and why."""

    stage: str
    weight: int
    reason: str


def next_stage(
    stage: str,
    clean_sessions_in_stage: int,
    verdict: CanaryVerdict,
    e_rollback: float,
    guardrails: Guardrails,
    ladder: Ladder = LADDER,
) -> Step:
    """The stage after a session that has settled; the caller counts clean sessions anew in each stage.

    Harm goes before all else: a broken guardrail or a rollback verdict ends the canary. Promotion needs the
    quality test's word, guardrails that are all reported, and a challenger that has answered clients.

    Raises:
        BadInput: a stage that is not on the ladder.
    """
    if stage in FINAL:
        return Step(stage, EVERYBODY if stage == CHAMPION else 0, "The canary is over.")
    current = ladder.stage(stage)
    if guardrails.broken:
        return Step(ROLLED_BACK, 0, f"Guardrail broken: {' '.join(guardrails.broken)}")
    if verdict is CanaryVerdict.ROLLBACK:
        return Step(ROLLED_BACK, 0, f"The challenger does worse (E_rollback {e_rollback:.3g}).")
    if verdict is CanaryVerdict.INCONCLUSIVE:
        return Step(INCONCLUSIVE, 0, "Too little evidence within the sessions allowed; the champion stays.")
    if guardrails.missing:
        return _stay(current, f"Held: no data for a guardrail. {' '.join(guardrails.missing)}")
    if verdict is CanaryVerdict.PROMOTE and current.weight:
        return Step(CHAMPION, EVERYBODY, "The challenger is shown to be no worse than the margin, guardrails clean.")
    return _climb(current, ladder.after(stage), clean_sessions_in_stage, e_rollback)


def _climb(current: Stage, following: Stage | None, clean_sessions: int, e_rollback: float) -> Step:
    if following is None:
        return _stay(current, "At the widest exposure; waiting for the quality test.")
    needed, limit = current.clean_sessions, following.e_rollback_limit
    if clean_sessions < needed:
        return _stay(current, f"{clean_sessions} of {needed} clean sessions in {current.name}.")
    if e_rollback >= limit:
        return _stay(current, f"Held: E_rollback {e_rollback:.3g} has reached {limit:g}.")
    noun = "session" if clean_sessions == 1 else "sessions"
    return Step(following.name, following.weight, f"{clean_sessions} clean {noun} in {current.name}.")


def _stay(stage: Stage, reason: str) -> Step:
    return Step(stage.name, stage.weight, reason)
