"""The running canary: looked at once a session, moved by its evidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evergreen.adapters.database import decisions, evidence, predictions, reading, rollouts
from evergreen.adapters.database.delivery_state import NOW, read_state
from evergreen.adapters.database.rollouts import Rollout
from evergreen.core.bars.session import iso
from evergreen.core.canary import Guardrails
from evergreen.core.canary.guardrails import check_outputs
from evergreen.core.model.deliveries import MOST_MISSING
from evergreen.core.policy import Action, CanaryLook, DecisionKind, InstanceDiffers, decide
from evergreen.research.registered import read_manifest
from evergreen.workspace import Workspace, workspace
from tasks.artifacts import picture, show, table
from tasks.decorators import effect
from tasks.instance import find_mismatch
from tasks.rollout import carry_out

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from evergreen.core.canary import QualityTest
    from evergreen.core.evaluation.losses import Statistic

FIRST_SESSIONS = 5  # a week, in which a sender may find out that it is late


@effect
def look_at_canary(as_of: pd.Timestamp, now: datetime, dry_run: bool = False) -> str:
    """Add the sessions that have settled to the evidence and take the step it allows; returns what was done.

    A session looked at already is not looked at again. A dry run says what it would do and changes nothing.
    """
    outcome = _look(workspace(), as_of, now, dry_run)
    print(outcome)
    return outcome


def _look(at: Workspace, as_of: pd.Timestamp, now: datetime, dry_run: bool) -> str:
    session = iso(as_of)
    with reading(at.engine) as conn:
        rollout = rollouts.read(conn, at.settings.model_name)
    if rollout is None or rollout.challenger is None or rollout.evidence is None:
        return "no canary is running"
    if rollout.evidence.looked and rollout.evidence.looked >= session:
        return f"looked at already in session {session}"
    if differs := find_mismatch(at, rollout, as_of):
        return _stop(at, rollout, differs, as_of, now, dry_run)
    test = weigh(at, rollout)
    look = CanaryLook.of(test, check_guardrails(at, rollout), NOW, session)
    action = _decide(at, rollout, look, as_of, dry_run)
    if dry_run:
        return f"would go to {action.stage}: {action.outcome}"
    carry_out(at, rollout, action, rollout.evidence.with_test(test, session), now)
    _show(test, action)
    return action.outcome


def _stop(
    at: Workspace, rollout: Rollout, differs: InstanceDiffers, as_of: pd.Timestamp, now: datetime, dry_run: bool
) -> str:
    """End a canary of which an arm is not the model that was judged."""
    with reading(at.engine) as conn:
        state = read_state(conn, rollout.model, at.calendar, as_of)
    (action,) = decide(at.settings.delivery_policy(), state, differs)
    if not dry_run:
        carry_out(at, rollout, action, rollout.evidence, now)
        show("canary", f"Canary in session {action.as_of}", action.sentence)
    return action.outcome


def weigh(at: Workspace, rollout: Rollout) -> QualityTest:
    """The canary's test with every session settled by now."""
    from evergreen.core.canary import QualityTest
    from evergreen.core.canary.rules import over_horizon

    assert rollout.evidence is not None
    test = rollout.evidence.quality_test()
    horizon = read_manifest(at, rollout.champion).horizon
    if test.rules.horizon != horizon:  # begun by an Evergreen that weighed blocks: weighed anew, session by session
        test = QualityTest.under(over_horizon(test.rules, horizon))
    for session, champion_loss, challenger_loss in _settled_losses(at, rollout, test.rules.statistic):
        test.update(session, champion_loss, challenger_loss)
    return test


def _decide(at: Workspace, rollout: Rollout, look: CanaryLook, as_of: pd.Timestamp, dry_run: bool) -> Action:
    """What the look comes to; a promotion is decided again where it is objected to."""
    assert rollout.evidence is not None
    policy = at.settings.delivery_policy().with_changes(ladder=rollout.evidence.ladder)
    with reading(at.engine) as conn:
        state = read_state(conn, rollout.model, at.calendar, as_of)
    (action,) = decide(policy, state, look)
    if action.kind is DecisionKind.PROMOTE and (objection := _objection(at, rollout, look, action, dry_run)):
        (action,) = decide(policy, state, replace(look, objection=objection))
    return action


def _objection(at: Workspace, rollout: Rollout, look: CanaryLook, action: Action, dry_run: bool) -> str:
    """What a promotion still waits for: a person's approval, another system's yes; empty if for nothing.

    The other system is asked last, anew in each session, and not by a dry run.
    """
    if at.settings.promotion_approval and not _approved(at, rollout):
        return "Waiting for `evergreen canary approve`."
    if not at.settings.promotion_webhook or dry_run:
        return ""
    from evergreen.adapters.infra.webhook import objection

    return objection(at.settings.promotion_webhook, _case(rollout, look, action))


def _approved(at: Workspace, rollout: Rollout) -> bool:
    with reading(at.engine) as conn:
        return any(each.kind == DecisionKind.APPROVAL for each in decisions.of(conn, str(rollout.challenger)))


def _case(rollout: Rollout, look: CanaryLook, action: Action) -> dict[str, Any]:
    """What a webhook is told of the promotion it is asked about."""
    return {
        "model": rollout.model,
        "champion": rollout.champion,
        "challenger": rollout.challenger,
        "rollout_version": rollout.version,
        "stage": rollout.stage,
        "reason": action.outcome,
        **look.numbers,
        "sessions": int(look.numbers["sessions"]),
    }


def _settled_losses(at: Workspace, rollout: Rollout, statistic: Statistic) -> list[tuple[str, float, float]]:
    """Losses of champion and challenger by session."""
    aim = read_manifest(at, rollout.champion).aim
    with reading(at.engine) as conn:
        paired = evidence.paired_losses(conn, rollout.champion, str(rollout.challenger), aim, statistic=statistic)
    losses = paired.loc[np.isfinite(paired["champion"]), ["session", "champion", "challenger"]]
    return [
        (iso(session), float(champion), float(challenger))
        for session, champion, challenger in losses.itertuples(index=False, name=None)
    ]


def check_guardrails(at: Workspace, rollout: Rollout) -> Guardrails:
    """What the hard limits on outputs say of all the challenger has forecast and answered since it began."""
    assert rollout.evidence is not None and rollout.challenger is not None
    with reading(at.engine) as conn:
        silent = predictions.silent(conn, rollout.challenger)
        usual, tried = (evidence.forecasts(conn, version) for version in (rollout.champion, rollout.challenger))
    if silent:
        return Guardrails(broken=(f"{silent} requests got no finite output from version {rollout.challenger}.",))
    if undelivered := _undelivered(at, rollout, usual, tried):
        return Guardrails(broken=(undelivered,))
    both = usual.merge(tried, on=["session", "ticker"], suffixes=("_champion", "_challenger"))
    if both.empty:
        return Guardrails(missing=("No forecasts of both models yet.",))
    if rollout.evidence.limits is None:
        return Guardrails(missing=("No limits on outputs were fixed when it began.",))
    outputs = check_outputs(both["value_champion"], both["value_challenger"], rollout.evidence.limits)
    return Guardrails(broken=tuple(outputs))


def _undelivered(at: Workspace, rollout: Rollout, usual: pd.DataFrame, tried: pd.DataFrame) -> str:
    """What a challenger that runs elsewhere owes since the canary began, if it is too much; empty where it is not."""
    if rollout.evidence is None or not read_manifest(at, str(rollout.challenger)).is_delivered:
        return ""
    due = usual[usual["session"] > pd.Timestamp(rollout.evidence.started or rollout.stage_session)]
    missing = len(due) - len(due.merge(tried, on=["session", "ticker"]))
    if due["session"].nunique() < FIRST_SESSIONS or missing <= MOST_MISSING * len(due):
        return ""
    return f"{missing} of {len(due)} forecasts of version {rollout.challenger} did not come in time."


def _show(test: QualityTest, action: Action) -> None:
    """How the canary stands, with a picture of its evidence whenever it moves."""
    standing = {
        "stage": action.stage,
        "clients": f"{action.weight / 100:g} %",
        "sessions": len(test.sessions),
        "mean r": test.mean_r,
        "E promote": f"{test.e_promote:.3g} of {1 / test.rules.alpha_promote:g}",
        "E rollback": f"{test.e_rollback:.3g} of {1 / test.rules.alpha_rollback:g}",
    }
    path = [picture(_evidence_figure(test), "evidence by session")] if action.moved and test.sessions else []
    show("canary", f"Canary in session {action.as_of}", action.outcome, table([standing]), *path)


def _evidence_figure(test: QualityTest) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 2.6))
    axes = figure.subplots()
    for name, colour, limit in (
        ("e_promote", "tab:green", 1 / test.rules.alpha_promote),
        ("e_rollback", "tab:red", 1 / test.rules.alpha_rollback),
    ):
        axes.plot([getattr(look, name) for look in test.path], color=colour, label=name.replace("_", " "))
        axes.axhline(limit, color=colour, linestyle=":", linewidth=1)
    axes.set(yscale="log", xlabel="session of the canary", ylabel="E")
    axes.legend(frameon=False)
    return figure
