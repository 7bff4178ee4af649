"""What a finding starts, exactly once, and what a person is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd
from prefect.events import emit_event
from sqlalchemy import Connection

from evergreen.adapters.database import decisions, requests, rollouts, triggers, writing
from evergreen.adapters.database.requests import RetrainRequest
from evergreen.adapters.database.triggers import Trigger
from evergreen.core.bars.calendar import iso
from evergreen.workspace import Workspace, workspace
from tasks.artifacts import picture, show, table
from tasks.decorators import effect
from tasks.drift import DriftFinding
from tasks.notices import notify
from tasks.requests import decide_request, wake

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from evergreen.core.drift import Triggered

FOUND = "evergreen.drift.found"


@dataclass(frozen=True)
class Reacted:
    """The request a finding led to, if any, and why it did or did not start a retraining."""

    request: RetrainRequest | None
    why: str
    fresh: bool = False


@effect
def react_to_drift(found: DriftFinding, session: pd.Timestamp, data_version: str, now: datetime) -> str | None:
    """Do what a finding asks for and show it; returns the retrain request, if it led to one.

    The finding, the request and both decisions are one transaction; the event that wakes the automation comes
    after it, and may be lost: `reconcile` wakes again.
    """
    at = workspace()
    reacted = decide_reaction(at, found, session, data_version, now)
    if reacted.request and reacted.request.state == "pending":
        wake(reacted.request)
    if reacted.fresh:
        _announce(at, found)
        notify(f"Drift of {at.settings.model_name}, session {found.as_of}", f"{found.sentence} {reacted.why}")
    _show(found, reacted.why)
    return reacted.request.id if reacted.request else None


def decide_reaction(
    at: Workspace, found: DriftFinding, session: pd.Timestamp, data_version: str, now: datetime
) -> Reacted:
    """Write the finding down, and with it the request it leads to, in one transaction; again changes nothing."""
    if found.reaction == "nothing":
        return Reacted(None, "Nothing is to be done.")
    subject = f"{found.version}@{found.as_of}"
    with writing(at.engine) as conn:
        fresh = not decisions.of(conn, subject)
        waits = _waits(conn, at, found, session)
        asked, why = (None, waits) if waits else _ask(conn, at, found, session, data_version, now)
        if fresh:
            decisions.append(conn, _finding(at, found, subject, why, now))
        if asked and asked[1]:
            decisions.append(conn, decide_request(asked[0], found.sentence, now))
    return Reacted(asked[0] if asked else None, why, fresh)


def _waits(conn: Connection, at: Workspace, found: DriftFinding, session: pd.Timestamp) -> str:
    """Why this finding starts no retraining; empty when it shall. What it led to already does not count."""
    from evergreen.core.drift import hold_back

    if found.reaction != "retrain":
        return f"It asks for no retraining but for this: {found.reaction}."
    known = triggers.triggers(conn, at.settings.model_name)
    if any(trigger.request.as_of == found.as_of for trigger in known):
        return ""
    if any(asked.state in ("pending", "running") for asked in requests.recent(conn, at.settings.model_name)):
        return "A retraining is under way already."
    if rollouts.current(conn, at.settings.model_name).challenger is not None:
        return "A canary is running: its challenger is tried first."
    return hold_back(_past(at, known, session))


def _past(at: Workspace, known: Sequence[Trigger], session: pd.Timestamp) -> list[Triggered]:
    from evergreen.core.drift import Triggered

    return [
        Triggered(
            sessions_ago=at.calendar.between(pd.Timestamp(trigger.request.as_of), session),
            generation=trigger.request.generation,
            won=trigger.fate == "won",
        )
        for trigger in known
        if trigger.request.as_of < iso(session)
    ]


def _ask(
    conn: Connection, at: Workspace, found: DriftFinding, session: pd.Timestamp, data_version: str, now: datetime
) -> tuple[tuple[RetrainRequest, bool], str]:
    from evergreen.core.drift import next_generation

    model = at.settings.model_name
    generation = next_generation(_past(at, triggers.triggers(conn, model), session))
    asked = requests.request(conn, model, found.cause, data_version, session, found.evidence, now, generation)
    return asked, f"It starts a retraining: request {asked[0].id}."


def _finding(at: Workspace, found: DriftFinding, subject: str, why: str, now: datetime) -> decisions.Decision:
    return decisions.Decision(
        at=now,
        model=at.settings.model_name,
        kind="drift",
        as_of=found.as_of,
        subject=subject,
        summary=found.sentence,
        evidence=dict(found.evidence) | {"cause": found.cause, "reaction": found.reaction, "followed": why},
    )


def _announce(at: Workspace, found: DriftFinding) -> None:
    """Tell the server, whose automation makes the report: the session does not wait for it."""
    emit_event(
        FOUND,
        resource={"prefect.resource.id": f"evergreen.model.{at.settings.model_name}"},
        payload={"as_of": found.as_of, "version": found.version},
    )


def _show(found: DriftFinding, why: str) -> None:
    """The check as a person reads it: what was found, what follows, which features moved most."""
    parts = [found.sentence, why, _skill_line(found), table(found.leading)]
    if found.outcome in ("drift", "suspected") and found.leading:
        parts.append(picture(_scores_figure(found), "scores of the features that moved most"))
    show("drift", f"Drift of version {found.version} in session {found.as_of}", *(part for part in parts if part))


def _skill_line(found: DriftFinding) -> str:
    if "skill_e_value" not in found.evidence:
        return ""
    told = found.evidence
    return (
        f"Realized skill: {told['skill']}. Mean r against the random walk {told['skill_mean']:+.4f}, promised at least "
        f"{told['skill_record']:+.4f}; evidence of a loss {told['skill_e_value']:.2f}, 50 is needed."
    )


def _scores_figure(found: DriftFinding) -> Figure:
    from matplotlib.figure import Figure

    names, scores = ([row[key] for row in reversed(found.leading)] for key in ("feature", "score"))
    figure = Figure(figsize=(6, 2.6))
    axes = figure.subplots()
    axes.barh(names, scores, color="tab:green")
    axes.set_xlabel("standard deviations of its own replayed null (the smaller of two windows)")
    return figure
