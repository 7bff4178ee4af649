"""How far a challenger is let out: shadow, 5 %, 25 %, 50 %, champion; or rolled back, or inconclusive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from evergreen.core.canary.rules import Decision
from evergreen.errors import BadInput

Stage = Literal["shadow", "canary_5", "canary_25", "canary_50", "champion", "rolled_back", "inconclusive"]

WEIGHTS: dict[Stage, int] = {
    "shadow": 0,
    "canary_5": 500,
    "canary_25": 2_500,
    "canary_50": 5_000,
    "champion": 10_000,
    "rolled_back": 0,
    "inconclusive": 0,
}
FINAL: frozenset[Stage] = frozenset({"champion", "rolled_back", "inconclusive"})


@dataclass(frozen=True)
class StagePolicy:
    """Clean sessions a stage takes, and how much harm may show before half the clients are let in."""

    shadow_sessions: int = 1
    canary_5_sessions: int = 5
    canary_25_sessions: int = 5
    e_rollback_limit: float = 3.0


@dataclass(frozen=True)
class Guardrails:
    """What the guardrails say, in sentences: `broken` ones roll back, `missing` ones hold back."""

    broken: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """Where the challenger stands next, its weight in basis points of clients, and why."""

    stage: Stage
    weight: int
    reason: str


def next_stage(
    stage: Stage,
    clean_sessions_in_stage: int,
    decision: Decision,
    e_rollback: float,
    guardrails: Guardrails,
    policy: StagePolicy | None = None,
) -> Step:
    """The stage after a session that has settled; the caller counts clean sessions anew in each stage.

    Harm goes before all else: a broken guardrail or a rollback decision ends the canary. Promotion needs the
    quality test's word, guardrails that are all reported, and a challenger that has answered clients.

    Raises:
        BadInput: an unknown stage.
    """
    if stage not in get_args(Stage):
        raise BadInput(f"{stage!r} is no canary stage.", f"Known: {', '.join(get_args(Stage))}.")
    if stage in FINAL:
        return _step(stage, "The canary is over.")
    if guardrails.broken:
        return _step("rolled_back", f"Guardrail broken: {' '.join(guardrails.broken)}")
    if decision is Decision.ROLLBACK:
        return _step("rolled_back", f"The challenger does worse (E_rollback {e_rollback:.3g}).")
    if decision is Decision.INCONCLUSIVE:
        return _step("inconclusive", "Too little evidence within the sessions allowed; the champion stays.")
    if guardrails.missing:
        return _step(stage, f"Held: no data for a guardrail. {' '.join(guardrails.missing)}")
    if decision is Decision.PROMOTE and stage != "shadow":
        return _step("champion", "The challenger is shown to be no worse than the margin, guardrails clean.")
    return _ramp(stage, clean_sessions_in_stage, e_rollback, policy or StagePolicy())


def _ramp(stage: Stage, clean_sessions: int, e_rollback: float, policy: StagePolicy) -> Step:
    ramp: dict[Stage, tuple[int, Stage]] = {
        "shadow": (policy.shadow_sessions, "canary_5"),
        "canary_5": (policy.canary_5_sessions, "canary_25"),
        "canary_25": (policy.canary_25_sessions, "canary_50"),
    }
    if stage not in ramp:
        return _step(stage, "At the widest exposure; waiting for the quality test.")
    needed, following = ramp[stage]
    if clean_sessions < needed:
        return _step(stage, f"{clean_sessions} of {needed} clean sessions in {stage}.")
    if following == "canary_50" and e_rollback >= policy.e_rollback_limit:
        limit = policy.e_rollback_limit
        return _step(stage, f"Held: E_rollback {e_rollback:.3g} has reached {limit:g}.")
    return _step(following, f"{clean_sessions} clean {'session' if clean_sessions == 1 else 'sessions'} in {stage}.")


def _step(stage: Stage, reason: str) -> Step:
    return Step(stage, WEIGHTS[stage], reason)
