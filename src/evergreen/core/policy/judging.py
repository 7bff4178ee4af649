"""From a policy's rules to the gate's verdict: for the live flows and for a replay alike."""

from __future__ import annotations

import pandas as pd

from evergreen.core.canary.freezing import Frozen, freeze
from evergreen.core.gate.compare import compare
from evergreen.core.gate.place import Place
from evergreen.core.gate.verdict import Verdict
from evergreen.core.policy.policy import CanaryPolicy, GatePolicy, Policy


def judge(rules: GatePolicy, champion: pd.DataFrame | None, challenger: pd.DataFrame, place: Place) -> Verdict:
    """What the gate says of a challenger under `rules`; the frames and `place` as of `core.gate.compare.compare`."""
    return compare(
        champion,
        challenger,
        place,
        rules.alpha,
        rules.retained,
        rules.entry,
        rules.harm,
        min_sessions=rules.min_sessions,
        gate_sessions=rules.sessions,
    )


def freeze_canary(
    policy: Policy,
    verdict: Verdict,
    champion: pd.DataFrame,
    challenger: pd.DataFrame,
    residual_sigma: float,
    target: tuple[float, float],
) -> Frozen:
    """What the canary of a judged challenger is decided by; frames, sigma and target as of `core.canary.freeze`.

    A renewal claims nothing over the life of its name: its canary has the whole level each time. Another recipe is
    promoted by its evidence at the level that its place leaves.
    """
    rules, gate = policy.canary or CanaryPolicy(), policy.gate or GatePolicy()
    promote = rules.alpha_promote if verdict.renewed else verdict.place.level(rules.alpha_promote)
    bounds = (promote, rules.alpha_rollback, rules.t_min, rules.t_max, gate.retained)
    ending = rules.ending(verdict.renewed)
    return freeze(champion, challenger, residual_sigma, target, *bounds, ending == "carried", verdict.renewed)
