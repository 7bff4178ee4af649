"""From a policy's rules to the gate's verdict: for the live flows and for a replay alike."""

from __future__ import annotations

import pandas as pd

from evergreen.core.canary.freezing import Frozen, freeze
from evergreen.core.gate.compare import RETURN, compare
from evergreen.core.gate.place import Place
from evergreen.core.gate.requirements import require_continuity
from evergreen.core.gate.verdict import Verdict
from evergreen.core.model.continuity import Continuity
from evergreen.core.model.targets.protocol import Target
from evergreen.core.policy.policy import CanaryPolicy, GatePolicy, Policy


def judge(
    rules: GatePolicy,
    champion: pd.DataFrame | None,
    challenger: pd.DataFrame,
    place: Place,
    continuity: Continuity | None,
    target: Target = RETURN,
) -> Verdict:
    """What the gate says of a challenger under `rules`; the frames and `place` as of `core.gate.compare.compare`.

    `continuity` is its training's; None where it was not measured. `target` is what both forecast.
    """
    verdict = compare(
        champion,
        challenger,
        place,
        rules.alpha,
        rules.retained,
        rules.entry,
        rules.harm,
        min_sessions=rules.min_sessions,
        gate_sessions=rules.sessions,
        target=target,
    )
    return require_continuity(verdict, continuity)


def freeze_canary(
    policy: Policy,
    verdict: Verdict,
    champion: pd.DataFrame,
    challenger: pd.DataFrame,
    residual_sigma: float,
    span: tuple[float, float],
    horizon: int,
    by_order: bool = True,
) -> Frozen:
    """What the canary of a judged challenger is decided by; frames and numbers as of `core.canary.freeze`.

    A renewal claims nothing over the life of its name: its canary has the whole level each time. Another recipe, and a
    renewal that forecasts otherwise, is promoted by its evidence at the level that its place leaves.
    """
    rules, gate = policy.canary or CanaryPolicy(), policy.gate or GatePolicy()
    renewal = verdict.ends_as_renewal  # by whichever rule it was admitted
    promote = rules.alpha_promote if renewal else verdict.place.level(rules.alpha_promote)
    bounds = (promote, rules.alpha_rollback, rules.t_min, rules.t_max, gate.retained)
    carried = rules.ending(renewal) == "carried"
    return freeze(champion, challenger, residual_sigma, span, *bounds, carried, renewal, horizon, by_order)
