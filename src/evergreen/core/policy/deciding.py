"""The one function that decides, for the live flows and for a replay alike."""

from __future__ import annotations

from dataclasses import replace

from evergreen.core.policy import delivering, watching
from evergreen.core.policy.evidence import (
    CanaryLook,
    Evidence,
    GuardrailsBroken,
    InstanceDiffers,
    Judged,
    PlaceFreed,
    SessionWatch,
    WatchFinding,
)
from evergreen.core.policy.policy import Policy
from evergreen.core.policy.state import Action, DeliveryState


def decide(policy: Policy, state: DeliveryState, evidence: Evidence) -> tuple[Action, ...]:
    """What to do about `evidence`, in order; the driver does each action, writes it down, and applies it.

    * `SessionWatch` (or its diagnosis, `WatchFinding`): a finding, and with it a retraining if one may start.
    * `Judged`: what becomes of a trained version: champion, canary, queue, or nothing.
    * `CanaryLook`: the running canary moves, stays, or ends.
    * `PlaceFreed`: a version that waited begins its canary, is refused or let go; nobody waits: no action.
    * `InstanceDiffers`: the canary is stopped at once; none runs: no action.
    * `GuardrailsBroken`: the canary ends, or the previous champion comes back; too late for both: no action.

    Pure: equal arguments give equal actions. An action of kind None says why nothing is done. Each carries the numbers
    of its evidence.
    """
    return tuple(replace(action, numbers=evidence.numbers) for action in _decide(policy, state, evidence))


def _decide(policy: Policy, state: DeliveryState, evidence: Evidence) -> tuple[Action, ...]:
    match evidence:
        case SessionWatch():
            return watching.follow(policy, state, watching.diagnose(policy, state, evidence))
        case WatchFinding():
            return watching.follow(policy, state, evidence)
        case Judged():
            return delivering.deliver(policy, state, evidence)
        case CanaryLook():
            return delivering.look(policy, state, evidence)
        case PlaceFreed():
            return delivering.start_waiting(state, evidence)
        case GuardrailsBroken():
            return delivering.undo(state, evidence)
        case InstanceDiffers():
            return delivering.stop(state, evidence)
