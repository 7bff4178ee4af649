"""Who serves what: the only tasks that change the rollout row, each change with its decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pandas as pd

from evergreen.adapters.database import decisions, reading, rollouts, writing
from evergreen.adapters.database.decisions import Decision
from evergreen.adapters.database.delivery_state import NOW, frozen_record, queued, read_state
from evergreen.adapters.database.requests import RetrainRequest
from evergreen.adapters.database.rollouts import Rollout
from evergreen.core.canary import CanaryRecord, RollbackWindow
from evergreen.core.policy import Action, CanaryPolicy, DecisionKind, Judged, PlaceFreed, decide
from evergreen.errors import BadInput, NotFound
from evergreen.workspace import Workspace, workspace
from tasks.decorators import effect
from tasks.gate import Judgement

ENDS_A_CANARY = (
    DecisionKind.PROMOTE,
    DecisionKind.ROLLBACK,
    DecisionKind.INCONCLUSIVE,
    DecisionKind.DECLINED,
    DecisionKind.MISMATCH,
)
LOGGED_ALONE = (DecisionKind.CANARY_REFUSED, DecisionKind.CANARY_QUEUED, DecisionKind.CANARY_DROPPED)


@effect
def read_rollout() -> Rollout | None:
    """The rollout row as it stands; None before the first champion."""
    at = workspace()
    with reading(at.engine) as conn:
        return rollouts.read(conn, at.settings.model_name)


@effect
def install_random_walk(request: RetrainRequest, version: str, now: datetime) -> Rollout:
    """Make the random walk the incumbent: what the first model must not be worse than."""
    at = workspace()
    first = Rollout(
        model=at.settings.model_name,
        champion=version,
        salt=request.id,
        stage_session=request.as_of,
        updated_at=now,
    )
    summary = f"Version {version}, the random walk, is the incumbent until a model passes the gate."
    return rollouts.create(
        at.engine,
        first,
        Decision(
            at=now,
            model=first.model,
            kind=DecisionKind.FIRST_CHAMPION,
            as_of=request.as_of,
            subject=version,
            summary=summary,
        ),
    )


@effect
def deliver(request: RetrainRequest, judgement: Judgement, now: datetime) -> str:
    """Act on the gate's verdict as the policy says; returns what became of the version in one sentence.

    Done already, it is only said again: a version has one turn.
    """
    at = workspace()
    with reading(at.engine) as conn:
        rollout = rollouts.current(conn, at.settings.model_name)
        state = read_state(conn, rollout.model, at.calendar, pd.Timestamp(request.as_of))
    actions = decide(at.settings.delivery_policy(), state, _judged(request, judgement))
    for action in actions:
        rollout = carry_out(at, rollout, action, judgement.record, now)
    print(actions[-1].outcome)
    return actions[-1].outcome


def _judged(request: RetrainRequest, judgement: Judgement) -> Judged:
    power = judgement.record.power if judgement.record else None
    return Judged(
        session=NOW,
        as_of=request.as_of,
        version=judgement.version,
        champion=judgement.champion,
        verdict=judgement.verdict,
        first=judgement.first,
        refusal=power.refusal if power else "",
        plan=power.sentence if power else "",
    )


@effect
def start_queued(as_of: str, now: datetime) -> str | None:
    """Start the canary of the version that has waited longest, if none runs; None if nobody waits."""
    at = workspace()
    model = at.settings.model_name
    with reading(at.engine) as conn:
        rollout = rollouts.read(conn, model)
        if rollout is None:
            return None
        state = read_state(conn, model, at.calendar, pd.Timestamp(as_of))
        frozen = {decision.subject: frozen_record(decision) for decision in queued(conn, model)}
    actions = decide(at.settings.delivery_policy(), state, PlaceFreed(NOW, as_of))
    for action in actions:
        rollout = carry_out(at, rollout, action, frozen.get(action.version), now)
        print(action.outcome)
    return actions[-1].outcome if actions else None


def carry_out(at: Workspace, rollout: Rollout, action: Action, record: CanaryRecord | None, now: datetime) -> Rollout:
    """Do what was decided and write it down, in one transaction; returns the rollout as it then stands.

    `record` is what the canary that the action is about is judged by.
    """
    if action.kind is None:
        return rollout
    changes, judged_by = _what_changes(rollout, action, record)
    decision = _decision(rollout, action, now, judged_by)
    if changes:
        return rollouts.change(at.engine, rollout, decision, **changes)
    with writing(at.engine) as conn:
        decisions.append(conn, decision)
    return rollout


def _what_changes(
    rollout: Rollout, action: Action, record: CanaryRecord | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What an action changes of the rollout, and the evidence that its decision keeps."""
    if action.kind in LOGGED_ALONE:
        return {}, _logged(action, rollout, record)
    if action.kind is DecisionKind.CANARY_START:
        return _begun(rollout, action, record or CanaryRecord())
    if action.kind is DecisionKind.CANARY and record:
        return _moved(rollout, action, record)
    ends_canary = action.kind in ENDS_A_CANARY and rollout.challenger == action.version
    judged_by = record.to_json() if record and ends_canary else {}
    return rollouts.steady(rollout, action.champion, action.as_of, _window(rollout, action)), judged_by


def _logged(action: Action, rollout: Rollout, record: CanaryRecord | None) -> dict[str, Any]:
    frozen = record.to_json() if record else {}
    if action.kind is DecisionKind.CANARY_QUEUED:
        return {"champion": rollout.champion, "frozen": frozen}
    return frozen if action.kind is DecisionKind.CANARY_REFUSED else {}


def _begun(rollout: Rollout, action: Action, record: CanaryRecord) -> tuple[dict[str, Any], dict[str, Any]]:
    """A version goes into shadow beside the champion; all it will be judged by is frozen here."""
    begun = replace(record, started=action.as_of, looked=action.as_of)
    changes = {
        "challenger": action.version,
        "stage": action.stage,
        "weight": 0,
        "salt": f"{rollout.model}/{action.version}",
        "stage_session": action.as_of,
        "evidence": begun,
    }
    return changes, begun.to_json()


def _moved(rollout: Rollout, action: Action, record: CanaryRecord) -> tuple[dict[str, Any], dict[str, Any]]:
    changes = {
        "stage": action.stage,
        "weight": action.weight,
        "stage_session": action.as_of if action.moved else rollout.stage_session,
        "evidence": record,
    }
    return changes, record.to_json() | {"stage": action.stage, "moved": action.moved}


def _window(rollout: Rollout, action: Action) -> CanaryRecord | None:
    """After a canary's promotion, what the service goes on watching the new champion by."""
    limits = rollout.evidence.limits if rollout.evidence else None
    if limits is None or not action.rollback_window:
        return None
    return CanaryRecord(window=RollbackWindow(action.as_of, action.rollback_window, limits))


def _decision(rollout: Rollout, action: Action, now: datetime, evidence: Mapping[str, Any]) -> Decision:
    """What is written down with an action."""
    return Decision(
        at=now,
        model=rollout.model,
        kind=str(action.kind),
        as_of=action.as_of,
        subject=action.version,
        summary=action.sentence,
        evidence=evidence,
    )


@effect
def end_rollout(action: str, why: str, as_of: str, now: datetime) -> Rollout:
    """What a person decides: `cancel` the running canary, `promote` it, or `restore` the previous champion.

    Raises:
        NotFound: there is nothing of the kind to act on.
        BadInput: another action.
    """
    at = workspace()
    with reading(at.engine) as conn:
        rollout = rollouts.current(conn, at.settings.model_name)
    champion = _champion_after(action, rollout)
    summary = {
        "cancel": f"Version {rollout.challenger} is rolled back",
        "promote": f"Version {champion} is champion in place of {rollout.champion}",
        "restore": f"Version {champion} is champion again in place of {rollout.champion}",
    }[action]
    canary = at.settings.delivery_policy().canary or CanaryPolicy()
    ending = Action(
        kind=DecisionKind.PROMOTE if action == "promote" else DecisionKind.ROLLBACK,
        session=NOW,
        as_of=as_of,
        version=champion if action != "cancel" else str(rollout.challenger),
        sentence=f"{summary}: {why}.",
        champion=champion,
        rollback_window=canary.rollback_window if action == "promote" else 0,
    )
    decision = _decision(rollout, ending, now, {"by": "a person"})
    changes = rollouts.steady(rollout, champion, as_of, _window(rollout, ending))
    print(ending.sentence)
    return rollouts.change(at.engine, rollout, decision, **changes)


def _champion_after(action: str, rollout: Rollout) -> str:
    if action not in ("cancel", "promote", "restore"):
        raise BadInput(f"{action!r} is no way to end a rollout.", "Say cancel, promote or restore.")
    if action == "restore":
        return _present(rollout.previous_champion, "no previous champion")
    challenger = _present(rollout.challenger, "no canary")
    return challenger if action == "promote" else rollout.champion


def _present(version: str | None, absent: str) -> str:
    if version is None:
        raise NotFound(f"There is {absent}.", "See `evergreen status`.")
    return version
