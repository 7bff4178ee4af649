"""When to retrain, what to admit, how to let it out: one pure function of policy, state and evidence.

A driver (the live flows, or a replay on a virtual clock) walks sessions. It keeps a count of them, so that no calendar
is needed here: `session` is a number, later sessions have larger ones, and differences are trading sessions. In each:

    state                                     # DeliveryState: who serves, what runs, who waits, what was started
    if is_look(policy, state, session, ends_week):
        watch = SessionWatch(session, as_of, check, skill, ...)
        for action in decide(policy, state, watch):
            state = apply(state, action)      # RETRAIN_REQUESTED: train `version` on what is known by now, then
    state = after_training(state, session, version)
    judged = Judged(session, as_of, version, state.champion, verdict, first=..., refusal=..., plan=...)
    for action in decide(policy, state, judged):
        state = apply(state, action)
    ...                                       # while state.challenger: InstanceDiffers if it does, else a CanaryLook
                                              # a session, then PlaceFreed

`verdict` comes from `core.gate.compare` under `policy.gate`, `check` from `core.drift.check` at `policy.trigger.level`,
`skill` from a `core.drift.SkillTest` of run length `policy.trigger.run_length`; a canary's test is
`core.canary.QualityTest` with the alphas and sessions of `policy.canary`, fixed when it begins, its plan
`core.canary.plan_power` of the same histories. A policy without a gate needs a verdict all the same, for the record.
The first champion of all is the random walk (a version of its own): `Judged.first` says that it still serves.

Every action that has a kind is written down as a decision, in the live flows together with what it changes.
"""

from importlib.resources import files

from evergreen.core.policy.deciding import decide
from evergreen.core.policy.delivering import in_window
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
from evergreen.core.policy.kinds import (
    HAD_ITS_TURN,
    LEFT_THE_QUEUE,
    MAKES_CHAMPION,
    RESETS_DRIFT,
    DecisionKind,
)
from evergreen.core.policy.parsing import choose, parse_policies
from evergreen.core.policy.policy import CanaryPolicy, GatePolicy, Policy, TriggerPolicy
from evergreen.core.policy.state import Action, DeliveryState, Retraining, Waiting, after_training, apply
from evergreen.core.policy.watching import diagnose, is_look

SHIPPED = files(__name__) / "policies.toml"  # the text is read by whoever needs it

__all__ = [
    "HAD_ITS_TURN",
    "LEFT_THE_QUEUE",
    "MAKES_CHAMPION",
    "RESETS_DRIFT",
    "SHIPPED",
    "Action",
    "CanaryLook",
    "CanaryPolicy",
    "DecisionKind",
    "DeliveryState",
    "Evidence",
    "GatePolicy",
    "GuardrailsBroken",
    "InstanceDiffers",
    "Judged",
    "PlaceFreed",
    "Policy",
    "Retraining",
    "SessionWatch",
    "TriggerPolicy",
    "Waiting",
    "WatchFinding",
    "after_training",
    "apply",
    "choose",
    "decide",
    "diagnose",
    "in_window",
    "is_look",
    "parse_policies",
]
