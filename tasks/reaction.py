"""What a finding starts, exactly once, and what a person is told of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd
from prefect.events import emit_event
from sqlalchemy import Connection

from evergreen.adapters.database import decisions, requests, triggers, writing
from evergreen.adapters.database.delivery_state import NOW, read_state
from evergreen.adapters.database.requests import RetrainRequest
from evergreen.core.drift import Cause, Reaction
from evergreen.core.policy import Action, DecisionKind, WatchFinding, decide
from evergreen.workspace import Workspace, workspace
from tasks.artifacts import picture, show, table
from tasks.decorators import effect
from tasks.drift import DriftFinding
from tasks.notices import notify
from tasks.requests import decide_request, wake

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOUND = "evergreen.drift.found"


@dataclass(frozen=True)
class Reacted:
    """The request a finding led to, if any, and why it did or did not start a retraining."""

    request: RetrainRequest | None
    why: str
    fresh: bool = False


@effect
def react_to_drift(finding: DriftFinding, data_version: str, now: datetime) -> str | None:
    """Do what a finding asks for and show it; returns the retrain request, if it led to one.

    The finding, the request and both decisions are one transaction; the event that wakes the automation comes
    after it, and may be lost: `reconcile` wakes again.
    """
    at = workspace()
    reacted = decide_reaction(at, finding, data_version, now)
    if reacted.request and reacted.request.state == "pending":
        wake(reacted.request)
    if reacted.fresh:
        _announce(at, finding)
        title = f"Drift of {at.settings.model_name}, session {finding.as_of}"
        notify(title, f"{finding.sentence} {reacted.why}")
    print(reacted.why)
    _show(finding, reacted.why)
    return reacted.request.id if reacted.request else None


def decide_reaction(at: Workspace, finding: DriftFinding, data_version: str, now: datetime) -> Reacted:
    """Write the finding down, and with it the request it leads to, in one transaction; again changes nothing."""
    with writing(at.engine) as conn:
        actions = _decide(conn, at, finding)
        if actions[0].kind is None:
            return Reacted(None, actions[0].outcome)
        asks = [action for action in actions if action.kind is DecisionKind.RETRAIN_REQUESTED]
        request, created = _ask(conn, asks[0], at, finding, data_version, now) if asks else (None, False)
        why = f"It starts a retraining: request {request.id}." if request else actions[0].outcome
        subject = f"{finding.version}@{finding.as_of}"
        if fresh := not decisions.of(conn, subject):
            decisions.append(conn, _decision(at, finding, subject, why, now))
        if request and created:
            decisions.append(conn, decide_request(request, finding.sentence, now))
    return Reacted(request, why, fresh)


def _decide(conn: Connection, at: Workspace, finding: DriftFinding) -> tuple[Action, ...]:
    """What follows from a finding; what its own session led to already is led to again."""
    model = at.settings.model_name
    state = read_state(conn, model, at.calendar, pd.Timestamp(finding.as_of))
    if any(trigger.request.as_of == finding.as_of for trigger in triggers.triggers(conn, model)):
        state = replace(state, retraining=False, challenger=None)
    evidence = WatchFinding(
        session=NOW,
        as_of=finding.as_of,
        outcome=finding.outcome,
        sentence=finding.sentence,
        cause=Cause(finding.cause),
        reaction=Reaction(finding.reaction),
    )
    return decide(at.settings.delivery_policy(), state, evidence)


def _ask(
    conn: Connection, action: Action, at: Workspace, finding: DriftFinding, data_version: str, now: datetime
) -> tuple[RetrainRequest, bool]:
    return requests.request(
        conn,
        at.settings.model_name,
        action.cause,
        data_version,
        finding.as_of,
        finding.evidence,
        now,
        action.generation,
    )


def _decision(at: Workspace, finding: DriftFinding, subject: str, why: str, now: datetime) -> decisions.Decision:
    return decisions.Decision(
        at=now,
        model=at.settings.model_name,
        kind=DecisionKind.DRIFT,
        as_of=finding.as_of,
        subject=subject,
        summary=finding.sentence,
        evidence=dict(finding.evidence) | {"cause": finding.cause, "reaction": finding.reaction, "followed": why},
    )


def _announce(at: Workspace, finding: DriftFinding) -> None:
    """Tell the server, whose automation makes the report: the session does not wait for it."""
    emit_event(
        FOUND,
        resource={"prefect.resource.id": f"evergreen.model.{at.settings.model_name}"},
        payload={"as_of": finding.as_of, "version": finding.version},
    )


def _show(finding: DriftFinding, why: str) -> None:
    """The check as a person reads it: what was found, what follows, which features moved most."""
    parts = [finding.sentence, why, _skill_line(finding), table(finding.leading)]
    if finding.outcome in ("drift", "suspected") and finding.leading:
        parts.append(picture(_scores_figure(finding), "scores of the features that moved most"))
    show("drift", f"Drift of version {finding.version} in session {finding.as_of}", *(part for part in parts if part))


def _skill_line(finding: DriftFinding) -> str:
    if "skill_evidence" not in finding.evidence:
        return ""
    skill = finding.evidence
    return (
        f"Realized skill: {skill['skill']}. Mean r against the naive forecast {skill['skill_mean']:+.4f}, promised at "
        f"least {skill['skill_record']:+.4f}; evidence of a loss {skill['skill_evidence']:.1f}, of missed "
        f"intervals {skill['coverage_evidence']:.1f}; {skill['run_length']:g} is needed."
    )


def _scores_figure(finding: DriftFinding) -> Figure:
    from matplotlib.figure import Figure

    names, scores = ([row[key] for row in reversed(finding.leading)] for key in ("feature", "score"))
    figure = Figure(figsize=(6, 2.6))
    axes = figure.subplots()
    axes.barh(names, scores, color="tab:green")
    axes.set_xlabel("standard deviations of its own replayed null (the smaller of two windows)")
    return figure
