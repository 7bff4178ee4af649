"""From a policy's rules to the gate's verdict: for the live flows and for a replay alike."""

from __future__ import annotations

import pandas as pd

from evergreen.core.gate.compare import compare
from evergreen.core.gate.verdict import Verdict
from evergreen.core.policy.policy import GatePolicy


def judge(rules: GatePolicy, champion: pd.DataFrame | None, challenger: pd.DataFrame, tried: int) -> Verdict:
    """What the gate says of a challenger under `rules`; the frames and `tried` as of `core.gate.compare.compare`."""
    return compare(
        champion,
        challenger,
        tried,
        rules.alpha,
        rules.retained,
        min_sessions=rules.min_sessions,
        gate_sessions=rules.sessions,
    )
