"""A challenger's trial in a replay: the gate's verdict, what its canary is judged by, and what came after."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evergreen.core.canary import Guardrails
from evergreen.core.canary.freezing import Frozen
from evergreen.core.canary.guardrails import check_outputs
from evergreen.core.evaluation.losses import relative_difference
from evergreen.core.gate.place import Place
from evergreen.core.gate.verdict import Verdict
from evergreen.core.policy import (
    Action,
    DecisionKind,
    GatePolicy,
    InstanceDiffers,
    Judged,
    Policy,
    judging,
)
from evergreen.errors import BadInput
from evergreen.replay.versions import Version

# Without a gate nothing rests on a verdict: the folds that it would take are nine tenths of a training.
UNJUDGED = Verdict(admitted=True, better=False, reasons=(), sessions=0, opponent="nobody: there is no gate")


def judge(rules: GatePolicy, champion: Version, challenger: Version, session: int) -> Verdict:
    """The gate's verdict as known at a session. A replay has one recipe, and each training of it renews the last."""
    place = Place(renewal=champion.trained is not None)
    ours, theirs = forecasts_of(champion, session), record_of(challenger)
    return judging.judge(rules, ours, theirs, place, challenger.continuity, champion.target)


def forecasts_of(champion: Version, session: int) -> pd.DataFrame | None:
    """All a champion forecast out of sample by a session, record and service; None for the random walk."""
    if champion.record is None:
        return None
    lived = champion.forecasts(range(champion.since, session + 1))
    return pd.concat([champion.record[["ticker", "session", "forecast"]], lived], ignore_index=True)


def record_of(version: Version) -> pd.DataFrame:
    """A version's walk-forward record.

    Raises:
        BadInput: it is the random walk, which has none.
    """
    if version.record is None:
        raise BadInput("the random walk has no record.", "Ask a trained version.")
    return version.record


def freeze_canary(policy: Policy, verdict: Verdict, champion: Version, challenger: Version, session: int) -> Frozen:
    """What the canary of a judged challenger is decided by that begins at a session.

    Raises:
        BadInput: one of the two is the random walk.
    """
    forecasts = forecasts_of(champion, session)
    if forecasts is None or challenger.trained is None:
        raise BadInput("a canary takes two trained versions.", "The first model replaces the random walk at once.")
    record, sigma, span = record_of(challenger), champion.residual_sigma, challenger.trained.target
    by_order = champion.target.by_order
    return judging.freeze_canary(policy, verdict, forecasts, record, sigma, span, champion.horizon, by_order)


def guardrails(champion: Version, challenger: Version, frozen: Frozen, session: int) -> Guardrails:
    """What the limits on outputs say of all that a challenger has forecast by a session."""
    lived = range(challenger.since, session + 1)
    if not len(lived):
        return Guardrails(missing=("No forecasts of both models yet.",))
    ours, theirs = (np.concatenate([each.forecast(day) for day in lived]) for each in (champion, challenger))
    return Guardrails(broken=tuple(check_outputs(ours, theirs, frozen.limits)))


def mismatch(arms: Sequence[Version], session: int, as_of: str) -> InstanceDiffers | None:
    """The first of these versions whose forecasts of a session are not those of its model; None if all are."""
    differences = ((arm.name, arm.difference(session)) for arm in arms)
    return next((InstanceDiffers(session, as_of, *differs) for differs in differences if differs[1]), None)


def gate_action(judged: Judged) -> Action:
    """The gate's verdict as a decision on record."""
    return Action(
        kind=DecisionKind.GATE,
        session=judged.session,
        as_of=judged.as_of,
        version=judged.version,
        sentence=judged.verdict.sentence,
        numbers=judged.numbers,
    )


def mean_difference(champion: Version, challenger: Version, start: int, sessions: int) -> float | None:
    """Mean r (positive: the challenger is better) over the sessions from `start` on; None without any outcome."""
    numbers = range(start, min(start + sessions, challenger.sessions))
    ours, theirs = (each.losses(numbers).loss for each in (champion, challenger))
    known = np.isfinite(ours) & np.isfinite(theirs)
    return float(relative_difference(ours[known], theirs[known]).mean()) if known.any() else None
