"""What becomes of a trained version, of the running canary, and of who waits for it to end."""

from __future__ import annotations

from dataclasses import replace

from evergreen.core.canary.stages import (
    CHAMPION,
    DECLINED,
    EVERYBODY,
    FINAL,
    INCONCLUSIVE,
    ROLLED_BACK,
    SHADOW,
    SPEAKS_OF_HARM,
    Step,
    next_stage,
)
from evergreen.core.policy.evidence import CanaryLook, GuardrailsBroken, InstanceDiffers, Judged, PlaceFreed
from evergreen.core.policy.kinds import DecisionKind
from evergreen.core.policy.policy import CanaryPolicy, Policy
from evergreen.core.policy.state import Action, DeliveryState, Waiting, apply

BELIED = "its sessions contradict what its record promised"
LEAVES_BY = {
    ROLLED_BACK: DecisionKind.ROLLBACK,
    INCONCLUSIVE: DecisionKind.INCONCLUSIVE,
    DECLINED: DecisionKind.DECLINED,
}


def deliver(policy: Policy, state: DeliveryState, judged: Judged) -> tuple[Action, ...]:
    """A version has one turn: champion at once, into canary or the queue, in place of the running one, or nothing."""
    version = judged.version
    if version == state.champion or version == state.challenger:
        stands = "champion" if version == state.champion else "in canary"
        return (_nothing(judged, version, f"version {version} is {stands}"),)
    if version in state.turns:
        had = f"version {version} had its turn in session {state.turns[version]}: train another one"
        return (_nothing(judged, version, had),)
    if refused := _refused(policy, judged):
        return (_nothing(judged, version, refused),)
    if judged.first or policy.canary is None:
        why = "no model served before it" if judged.first else f"policy {policy.name} tries nothing on clients first"
        return (_promote(judged, state, version, why, f"version {version} is champion"),)
    waiting = Waiting(version, judged.champion, judged.refusal, judged.plan)
    if state.challenger is None:
        return (_begin(judged, state, waiting),)
    if policy.canary.newer_challenger == "queue":
        return (_wait(judged, state, waiting),)
    freed = _supersede(judged, state, version)
    return (freed, _begin(judged, apply(state, freed), waiting))


def start_waiting(state: DeliveryState, freed: PlaceFreed) -> tuple[Action, ...]:
    """Begin the canary of the version that has waited longest, if none runs.

    One admitted against another champion than the present one is let go: its evidence is about the old one.
    """
    if state.challenger is not None or not state.queue:
        return ()
    waiting = state.queue[0]
    if waiting.champion == state.champion:
        return (_begin(freed, state, waiting),)
    left = f"Version {waiting.version} was admitted against {waiting.champion}, no longer champion: challenge again."
    return (_act(freed, DecisionKind.CANARY_DROPPED, waiting.version, left, left),)


def look(policy: Policy, state: DeliveryState, seen: CanaryLook) -> tuple[Action, ...]:
    """Move the running canary by its evidence; a session looked at already is not looked at again.

    A canary begun under another policy goes on by the defaults where this one has none.
    """
    if state.challenger is None:
        return (_nothing(seen, "", "no canary is running"),)
    if state.looked is not None and seen.session <= state.looked:
        return (_nothing(seen, state.challenger, f"looked at already in session {seen.as_of}"),)
    canary = policy.canary or CanaryPolicy()
    clean = seen.session - state.stage_session
    step = next_stage(state.stage, clean, seen.verdict, seen.e_rollback, seen.guardrails, canary.ladder)
    if step.stage == INCONCLUSIVE:
        step = _run_out(canary, state, seen, step)
    elif step.stage == CHAMPION and seen.contradicted:
        step = Step(DECLINED, 0, f"{step.reason} But {BELIED}: the champion stays.")
    if step.stage == CHAMPION and seen.objection:
        reason = f"Held: {step.reason} {seen.objection}"
        step = replace(step, stage=state.stage, weight=state.weight, reason=reason)
    if step.stage == CHAMPION:
        promoted = _promote(seen, state, state.challenger, step.reason.rstrip("."), step.reason)
        return (replace(promoted, rollback_window=canary.rollback_window),)
    if step.stage in FINAL:
        kind = LEAVES_BY[step.stage]
        left = _act(seen, kind, state.challenger, f"Version {state.challenger} leaves: {step.reason}", step.reason)
        return (replace(left, champion=state.champion, stage=step.stage, moved=True),)
    moved = step.stage != state.stage
    stays = _act(seen, DecisionKind.CANARY, state.challenger, step.reason, step.reason)
    return (replace(stays, stage=step.stage, weight=step.weight, moved=moved),)


def _run_out(canary: CanaryPolicy, state: DeliveryState, seen: CanaryLook, step: Step) -> Step:
    """What becomes of a challenger whose sessions have run out without a verdict."""
    ending = canary.ending(seen.renewed)
    if seen.guardrails.missing or not state.weight or ending in ("hold", "carried"):
        return step
    short = "Too little evidence within the sessions allowed"
    if ending == "promote":
        return Step(CHAMPION, EVERYBODY, f"{short}; the policy lets the challenger take over.")
    gain = f"record and canary together let expect {seen.expected_gain:+.2%} of a session's loss of it"
    if seen.highest_e_rollback >= SPEAKS_OF_HARM:
        return Step(DECLINED, 0, f"{short}; E_rollback had reached {seen.highest_e_rollback:.3g}: the champion stays.")
    if seen.contradicted:
        return Step(DECLINED, 0, f"{short}, and {BELIED}: the champion stays.")
    if seen.expected_gain > 0:
        return Step(CHAMPION, EVERYBODY, f"{short}, but {gain}, and nothing speaks of harm.")
    return Step(DECLINED, 0, f"{short}; {gain}: the champion stays.")


def undo(state: DeliveryState, alarm: GuardrailsBroken) -> tuple[Action, ...]:
    """End the canary whose guardrail is broken, or bring the previous champion back within its window."""
    if state.challenger is None and not in_window(state, alarm.session):
        return ()
    leaves = state.challenger or state.champion
    back = state.champion if state.challenger else str(state.previous_champion)
    why = " ".join(alarm.broken)
    sentence = f"Version {leaves} is rolled back to {back}. Guardrail broken: {why}"
    return (replace(_act(alarm, DecisionKind.ROLLBACK, leaves, sentence, why), champion=back, stage=ROLLED_BACK),)


def stop(state: DeliveryState, mismatch: InstanceDiffers) -> tuple[Action, ...]:
    """End the canary: one of its two arms is not the model that was judged, so that nothing seen of it counts."""
    if state.challenger is None:
        return ()
    served = f"What version {mismatch.version} served in session {mismatch.as_of} is not what it forecasts"
    sentence = f"Version {state.challenger} is stopped. {served}: {mismatch.difference}"
    stopped = _act(mismatch, DecisionKind.MISMATCH, state.challenger, sentence, f"{served}: {mismatch.difference}")
    return (replace(stopped, champion=state.champion, stage=ROLLED_BACK, moved=True),)


def in_window(state: DeliveryState, session: int) -> bool:
    """Whether a broken guardrail would bring the previous champion back in `session`."""
    open_until = state.window_end if state.challenger is None and state.previous_champion is not None else None
    return open_until is not None and session < open_until


def _refused(policy: Policy, judged: Judged) -> str:
    if policy.hindsight:
        better = judged.hindsight is not None and judged.hindsight > 0
        return "" if judged.first or better else f"version {judged.version} is not the better one by what comes"
    if policy.gate is not None and not judged.verdict.admitted:
        return f"version {judged.version} was not admitted: {judged.verdict.reasons[0]}"
    return ""


def _begin(at: Judged | PlaceFreed, state: DeliveryState, waiting: Waiting) -> Action:
    version = waiting.version
    if waiting.refusal:
        sentence = f"Version {version} gets no canary. {waiting.refusal}"
        outcome = f"version {version} was admitted, but its canary would be hopeless: {waiting.refusal}"
        return _act(at, DecisionKind.CANARY_REFUSED, version, sentence, outcome)
    sentence = f"Version {version} goes into shadow beside {state.champion}. {waiting.plan}".strip()
    begun = _act(at, DecisionKind.CANARY_START, version, sentence, f"version {version} went into shadow")
    return replace(begun, stage=SHADOW, moved=True)


def _wait(judged: Judged, state: DeliveryState, waiting: Waiting) -> Action:
    outcome = f"version {waiting.version} was admitted and waits for {state.challenger}'s canary to end"
    if any(one.version == waiting.version for one in state.queue):
        return _nothing(judged, waiting.version, outcome)
    sentence = f"Version {waiting.version} waits for the canary of {state.challenger} to end."
    return replace(_act(judged, DecisionKind.CANARY_QUEUED, waiting.version, sentence, outcome), waiting=waiting)


def _supersede(judged: Judged, state: DeliveryState, version: str) -> Action:
    leaves = str(state.challenger)
    sentence = f"Version {leaves} leaves the canary: version {version} supersedes it."
    return replace(_act(judged, DecisionKind.SUPERSEDED, leaves, sentence, sentence), champion=state.champion)


def _promote(at: Judged | CanaryLook, state: DeliveryState, version: str, why: str, outcome: str) -> Action:
    sentence = f"Version {version} is champion in place of {state.champion}: {why}."
    promoted = _act(at, DecisionKind.PROMOTE, version, sentence, outcome)
    return replace(promoted, champion=version, stage=CHAMPION, moved=True)


def _act(
    at: Judged | PlaceFreed | CanaryLook | GuardrailsBroken | InstanceDiffers,
    kind: DecisionKind | None,
    version: str,
    sentence: str,
    outcome: str,
) -> Action:
    return Action(kind=kind, session=at.session, as_of=at.as_of, version=version, sentence=sentence, outcome=outcome)


def _nothing(at: Judged | CanaryLook, version: str, outcome: str) -> Action:
    return _act(at, None, version, "", outcome)
