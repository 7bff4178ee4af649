"""Does a session ask for a retraining, and may it start now?"""

from __future__ import annotations

from evergreen.core.drift import Cause, Reaction, Signs, cause, hold_back, next_generation, verdict
from evergreen.core.policy.evidence import SessionWatch, WatchFinding
from evergreen.core.policy.kinds import DecisionKind
from evergreen.core.policy.policy import Policy
from evergreen.core.policy.state import Action, DeliveryState


def is_look(policy: Policy, state: DeliveryState, session: int, ends_week: bool) -> bool:
    """Whether a session is looked at: at its week's end, on every one, or because the calendar asks for a training."""
    return ends_week or policy.trigger.looks == "daily" or _due(policy, state, session)


def diagnose(policy: Policy, state: DeliveryState, watch: SessionWatch) -> WatchFinding:
    """What a session's watch amounts to under the policy's triggers."""
    outcome, sentence = _features(policy, state, watch)
    age = 0 if state.last_trained is None else watch.session - state.last_trained
    signs = Signs(
        drift=outcome == "drift",
        skill=watch.skill,
        uncovered=watch.uncovered,
        refused=watch.refused,
        missing=watch.missing,
        unadjusted=watch.unadjusted,
        aged=age >= policy.trigger.retrain_after,
        due=_due(policy, state, watch.session),
    )
    diagnosis = cause(signs, policy.trigger.causes)
    return WatchFinding(
        watch.session,
        watch.as_of,
        outcome,
        f"{sentence} {diagnosis.sentence}",
        diagnosis.cause,
        diagnosis.reaction,
        watch.numbers,
    )


def follow(policy: Policy, state: DeliveryState, finding: WatchFinding) -> tuple[Action, ...]:
    """The finding, with what follows from it, and the retraining if one starts; what a session led to already does
    not count against it."""
    if finding.reaction is Reaction.NOTHING:
        return (_action(finding, None, "Nothing is to be done."),)
    if waits := _waits(policy, state, finding):
        return (_action(finding, DecisionKind.DRIFT, waits),)
    generation = next_generation([one.triggered(finding.session) for one in state.retrainings])
    return (
        _action(finding, DecisionKind.DRIFT, "It starts a retraining."),
        _action(finding, DecisionKind.RETRAIN_REQUESTED, "It starts a retraining.", generation),
    )


def _features(policy: Policy, state: DeliveryState, watch: SessionWatch) -> tuple[str, str]:
    if watch.check is None:
        sentence = f"Version {state.champion} has no drift calibration: its features are not monitored."
        return "not_monitored", sentence
    since = None if state.last_reset is None else watch.session - state.last_reset
    judged = verdict(watch.check, since, policy.trigger.settling)
    return judged.outcome.value, judged.sentence


def _due(policy: Policy, state: DeliveryState, session: int) -> bool:
    every = policy.trigger.every
    return bool(every) and state.last_trained is not None and session - state.last_trained >= every


def _waits(policy: Policy, state: DeliveryState, finding: WatchFinding) -> str:
    """Why this finding starts no retraining; empty when it shall."""
    if finding.reaction is not Reaction.RETRAIN:
        return f"It asks for no retraining but for this: {finding.reaction.value}."
    if state.retraining:
        return "A retraining is under way already."
    if state.challenger is not None:
        return "A canary is running: its challenger is tried first."
    if finding.cause is Cause.CALENDAR:
        return ""
    return hold_back([one.triggered(finding.session) for one in state.retrainings], policy.trigger.limits)


def _action(finding: WatchFinding, kind: DecisionKind | None, outcome: str, generation: int = 0) -> Action:
    return Action(
        kind=kind,
        session=finding.session,
        as_of=finding.as_of,
        sentence=finding.sentence,
        outcome=outcome,
        cause=finding.cause.value,
        generation=generation,
    )
