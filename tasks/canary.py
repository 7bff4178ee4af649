"""The running canary: looked at once a session, moved by its evidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evergreen.adapters.database import decisions, evidence, predictions, reading, rollouts
from evergreen.adapters.database.request_log import RequestLog
from evergreen.adapters.database.rollouts import Rollout
from evergreen.core.bars.calendar import iso
from evergreen.workspace import Workspace, workspace
from tasks.artifacts import picture, show, table
from tasks.decorators import effect
from tasks.models import read_manifest
from tasks.rollout import decision, promote, settle

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from evergreen.core.canary import Guardrails, QualityTest, Step


@effect
def look_at_canary(as_of: pd.Timestamp, now: datetime, dry_run: bool = False) -> str:
    """Add the sessions that have settled to the evidence and take the step it allows; returns what was done.

    A session looked at already is not looked at again. A dry run says what it would do and changes nothing.
    """
    at = workspace()
    session = iso(as_of)
    with reading(at.engine) as conn:
        rollout = rollouts.read(conn, at.settings.model_name)
    if rollout is None or rollout.challenger is None or rollout.evidence is None:
        return "no canary is running"
    if rollout.evidence["looked"] >= session:
        return f"looked at already in session {session}"
    test, step = weigh(at, rollout, as_of)
    if step.stage == "champion" and (waits_for := _hindrance(at, rollout, test, step, dry_run)):
        held = f"Held: {step.reason} {waits_for}"
        step = replace(step, stage=rollout.stage, weight=rollout.weight, reason=held)
    if dry_run:
        return f"would go to {step.stage}: {step.reason}"
    _take(rollout, test, step, session, now)
    _show(test, step, session, moved=step.stage != rollout.stage)
    return step.reason


def weigh(at: Workspace, rollout: Rollout, as_of: pd.Timestamp) -> tuple[QualityTest, Step]:
    """The canary's test with every session settled by now, and the step that follows from it."""
    from evergreen.core.canary import QualityTest, next_stage

    assert rollout.evidence is not None and rollout.challenger is not None
    test = QualityTest.from_json(rollout.evidence["test"])
    for session, champion_loss, challenger_loss in _settled_losses(at, rollout):
        test.update(session, champion_loss, challenger_loss)
    clean = at.calendar.between(pd.Timestamp(rollout.stage_session), as_of)
    guardrails = check_guardrails(at, rollout)
    return test, next_stage(rollout.stage, clean, test.decision, test.e_rollback, guardrails)


def _hindrance(at: Workspace, rollout: Rollout, test: QualityTest, step: Step, dry_run: bool) -> str:
    """What a promotion still waits for: a person's approval, another system's yes; empty if for nothing.

    The other system is asked last, anew in each session, and not by a dry run.
    """
    if at.settings.promotion_approval and not _approved(at, rollout):
        return "Waiting for `evergreen canary approve`."
    if not at.settings.promotion_webhook or dry_run:
        return ""
    from evergreen.adapters.infra.webhook import objection

    return objection(at.settings.promotion_webhook, _case(rollout, test, step))


def _approved(at: Workspace, rollout: Rollout) -> bool:
    with reading(at.engine) as conn:
        return any(each.kind == "approval" for each in decisions.of(conn, str(rollout.challenger)))


def _case(rollout: Rollout, test: QualityTest, step: Step) -> dict[str, Any]:
    """What a webhook is told of the promotion it is asked about."""
    return {
        "model": rollout.model,
        "champion": rollout.champion,
        "challenger": rollout.challenger,
        "rollout_version": rollout.version,
        "stage": rollout.stage,
        "reason": step.reason,
        "sessions": len(test.sessions),
        "mean_r": test.mean_r,
        "margin": test.margin,
        "e_promote": test.e_promote,
        "e_rollback": test.e_rollback,
    }


def _settled_losses(at: Workspace, rollout: Rollout) -> list[tuple[str, float, float]]:
    """Losses by session; over a longer horizon by non-overlapping blocks, named by their last session."""
    horizon = read_manifest(at, rollout.champion).horizon
    with reading(at.engine) as conn:
        paired = evidence.paired_losses(conn, rollout.champion, str(rollout.challenger), horizon)
    losses = paired[np.isfinite(paired["champion"])].reset_index(drop=True)
    block = losses.index // horizon
    whole = losses[block < len(losses) // horizon]
    means = whole.groupby(block).agg({"session": "last", "champion": "mean", "challenger": "mean"})
    return [(iso(row.session), row.champion, row.challenger) for row in means.itertuples()]


def _take(rollout: Rollout, test: QualityTest, step: Step, session: str, now: datetime) -> Rollout:
    import json

    state: dict[str, Any] = dict(rollout.evidence or {}) | {
        "looked": session,
        "test": json.loads(test.to_json()),
    }
    if step.stage != rollout.stage:
        state["steps"] = [*state.get("steps", []), [rollout.version + 1, step.weight]]
    challenger = str(rollout.challenger)
    if step.stage == "champion":
        return promote(rollout, challenger, session, step.reason, state, now)
    if step.stage in ("rolled_back", "inconclusive"):
        kind = "rollback" if step.stage == "rolled_back" else "inconclusive"
        summary = f"Version {challenger} leaves: {step.reason}"
        return settle(rollout, kind, session, challenger, summary, state, now, champion=rollout.champion)
    return rollouts.change(
        workspace().engine,
        rollout,
        decision(rollout, "canary", session, challenger, step.reason, now, _told(state, rollout, step)),
        stage=step.stage,
        weight=step.weight,
        stage_session=session if step.stage != rollout.stage else rollout.stage_session,
        evidence=state,
    )


def _told(state: dict[str, Any], rollout: Rollout, step: Step) -> dict[str, Any]:
    return state | {"stage": step.stage, "moved": step.stage != rollout.stage}


def check_guardrails(at: Workspace, rollout: Rollout) -> Guardrails:
    """What the hard limits on outputs say of all the challenger has forecast and answered since it began."""
    from evergreen.core.canary import Guardrails
    from evergreen.core.canary.guardrails import OutputLimits, check_outputs

    assert rollout.evidence is not None and rollout.challenger is not None
    with reading(at.engine) as conn:
        silent = predictions.silent(conn, rollout.challenger)
        said = [evidence.forecasts(conn, version) for version in (rollout.champion, rollout.challenger)]
        requests = RequestLog()
        if timed := "started_at" in rollout.evidence:
            requests.read(conn, rollout)
    if timed and (told := requests.judge(rollout)) != Guardrails():
        return told
    if silent:
        return Guardrails(broken=(f"{silent} requests got no finite output from version {rollout.challenger}.",))
    both = said[0].merge(said[1], on=["session", "ticker"], suffixes=("_champion", "_challenger"))
    if both.empty:
        return Guardrails(missing=("No forecasts of both models yet.",))
    limits = OutputLimits(**rollout.evidence["limits"])
    return Guardrails(broken=tuple(check_outputs(both["value_champion"], both["value_challenger"], limits)))


def _show(test: QualityTest, step: Step, session: str, moved: bool) -> None:
    """How the canary stands, with a picture of its evidence whenever it moves."""
    standing = {
        "stage": step.stage,
        "clients": f"{step.weight / 100:g} %",
        "sessions": len(test.sessions),
        "mean r": test.mean_r,
        "E promote": f"{test.e_promote:.3g} of {1 / test.rules.alpha_promote:g}",
        "E rollback": f"{test.e_rollback:.3g} of {1 / test.rules.alpha_rollback:g}",
    }
    path = [picture(_evidence_figure(test), "evidence by session")] if moved and test.sessions else []
    show("canary", f"Canary in session {session}", step.reason, table([standing]), *path)


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
