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

import lazy_loader

# What the package gives stands in `__init__.pyi` and is imported when it is asked for: who reads the name of a stage
# or of a kind of decision, as `evergreen status` does, need not wait two seconds for scipy.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
