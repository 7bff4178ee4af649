"""Who serves what: the only tasks that change the rollout row, each change with its decision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from evergreen.adapters.database import decisions, reading, rollouts, writing
from evergreen.adapters.database.decisions import Decision
from evergreen.adapters.database.request_log import frozen_limits
from evergreen.adapters.database.requests import RetrainRequest
from evergreen.adapters.database.rollouts import Rollout
from evergreen.errors import BadInput, NotFound
from evergreen.workspace import workspace
from tasks.decorators import effect
from tasks.gate import Judgement

HAD_ITS_TURN = ("canary_start", "promote")
LEFT_THE_QUEUE = ("canary_start", "canary_refused", "canary_dropped", "promote")


@effect
def read_rollout() -> Rollout | None:
    """The rollout row as it stands; None before the first champion."""
    at = workspace()
    with reading(at.engine) as conn:
        return rollouts.read(conn, at.settings.model_name)


@effect
def install_random_walk(asked: RetrainRequest, version: str, now: datetime) -> Rollout:
    """Make the random walk the incumbent: what the first model must not be worse than."""
    at = workspace()
    first = Rollout(
        model=at.settings.model_name,
        champion=version,
        salt=asked.id,
        stage_session=asked.as_of,
        updated_at=now,
    )
    summary = f"Version {version}, the random walk, is the incumbent until a model passes the gate."
    return rollouts.create(at.engine, first, decision(first, "first_champion", asked.as_of, version, summary, now))


@effect
def deliver(asked: RetrainRequest, judged: Judgement, now: datetime) -> str:
    """Act on the gate's verdict; returns what became of the version in one sentence.

    An admitted version becomes champion at once where only the random walk served, else it goes into shadow.
    During a canary it waits in the queue, or takes the running one's place, as `newer_challenger` says. Done
    already, it is only said again: a version has one turn.
    """
    at = workspace()
    with reading(at.engine) as conn:
        rollout = rollouts.current(conn, at.settings.model_name)
        turns = [known for known in decisions.of(conn, judged.version) if known.kind in HAD_ITS_TURN]
    if judged.version in (rollout.champion, rollout.challenger):
        return f"version {judged.version} is {'champion' if judged.version == rollout.champion else 'in canary'}"
    if turns:
        return f"version {judged.version} had its turn in session {turns[0].as_of}: train another one"
    if not judged.verdict.admitted:
        return f"version {judged.version} was not admitted: {judged.verdict.reasons[0]}"
    if judged.frozen is None:
        promote(rollout, judged.version, asked.as_of, "no model served before it", {}, now)
        return f"version {judged.version} is champion"
    if rollout.challenger is None:
        return start_canary(rollout, judged.version, judged.frozen, asked.as_of, now)
    if at.settings.newer_challenger == "queue":
        return wait_in_line(rollout, judged.version, judged.frozen, asked.as_of, now)
    why = f"Version {rollout.challenger} leaves the canary: version {judged.version} supersedes it."
    freed = settle(rollout, "superseded", asked.as_of, rollout.challenger, why, {}, now, rollout.champion)
    return start_canary(freed, judged.version, judged.frozen, asked.as_of, now)


def start_canary(rollout: Rollout, version: str, frozen: Mapping[str, Any], as_of: str, now: datetime) -> str:
    """Put a version into shadow beside the champion, unless its canary could not decide anything.

    All it will be judged by is frozen here, with what it can see; returns what became of it.
    """
    at, power = workspace(), frozen.get("power", {})
    if refusal := power.get("refusal"):
        summary = f"Version {version} gets no canary. {refusal}"
        with writing(at.engine) as conn:
            decisions.append(conn, decision(rollout, "canary_refused", as_of, version, summary, now, frozen))
        return f"version {version} was admitted, but its canary would be hopeless: {refusal}"
    with reading(at.engine) as conn:
        evidence = {"started": as_of, "looked": as_of, **frozen, **frozen_limits(conn, rollout, now)}
    summary = f"Version {version} goes into shadow beside {rollout.champion}. {power.get('sentence', '')}".strip()
    rollouts.change(
        at.engine,
        rollout,
        decision(rollout, "canary_start", as_of, version, summary, now, evidence),
        challenger=version,
        stage="shadow",
        weight=0,
        salt=f"{rollout.model}/{version}",
        stage_session=as_of,
        evidence=evidence,
    )
    return f"version {version} went into shadow"


def wait_in_line(rollout: Rollout, version: str, frozen: Mapping[str, Any], as_of: str, now: datetime) -> str:
    """Write down that a version waits for the running canary to end; waiting already, it is only said again."""
    summary = f"Version {version} waits for the canary of {rollout.challenger} to end."
    evidence = {"champion": rollout.champion, "frozen": dict(frozen)}
    with writing(workspace().engine) as conn:
        waiting = decisions.open_since(conn, rollout.model, "canary_queued", LEFT_THE_QUEUE)
        if all(known.subject != version for known in waiting):
            decisions.append(conn, decision(rollout, "canary_queued", as_of, version, summary, now, evidence))
    return f"version {version} was admitted and waits for {rollout.challenger}'s canary to end"


@effect
def start_queued(as_of: str, now: datetime) -> str | None:
    """Start the canary of the version that has waited longest, if none runs; None if nobody waits.

    One admitted against another champion than the present one is let go: its evidence is about the old one.
    """
    at = workspace()
    with reading(at.engine) as conn:
        rollout = rollouts.read(conn, at.settings.model_name)
        queued = decisions.open_since(conn, at.settings.model_name, "canary_queued", LEFT_THE_QUEUE)
    if rollout is None or rollout.challenger or not queued:
        return None
    version, about = queued[0].subject, queued[0].evidence
    if about["champion"] == rollout.champion:
        return start_canary(rollout, version, about["frozen"], as_of, now)
    summary = f"Version {version} was admitted against {about['champion']}, no longer champion: challenge again."
    with writing(at.engine) as conn:
        decisions.append(conn, decision(rollout, "canary_dropped", as_of, version, summary, now))
    return summary


def promote(
    rollout: Rollout, version: str, as_of: str, why: str, evidence: Mapping[str, Any], now: datetime
) -> Rollout:
    """Make a version the champion."""
    summary = f"Version {version} is champion in place of {rollout.champion}: {why}."
    return settle(rollout, "promote", as_of, version, summary, evidence, now, champion=version)


def settle(
    rollout: Rollout,
    kind: str,
    as_of: str,
    subject: str,
    summary: str,
    evidence: Mapping[str, Any],
    now: datetime,
    champion: str,
) -> Rollout:
    """End whatever runs, with `champion` serving everybody."""
    made = decision(rollout, kind, as_of, subject, summary, now, evidence)
    return rollouts.settle(workspace().engine, rollout, made, champion, _window(rollout, kind, as_of))


def _window(rollout: Rollout, kind: str, as_of: str) -> dict[str, Any] | None:
    """After a canary's promotion, what the service goes on watching the new champion by."""
    limits, sessions = (rollout.evidence or {}).get("limits"), workspace().settings.rollback_window
    if kind != "promote" or limits is None or not sessions:
        return None
    return {"window": {"since": as_of, "sessions": sessions, "limits": limits}}


@effect
def end_rollout(action: str, why: str, as_of: str, now: datetime) -> Rollout:
    """What a person decides: `cancel` the running canary, `promote` it, or `restore` the previous champion.

    Raises:
        NotFound: there is nothing of the kind to act on.
        BadInput: another action.
    """
    with reading(workspace().engine) as conn:
        rollout = rollouts.current(conn, workspace().settings.model_name)
    champion = _champion_after(action, rollout)
    subject = champion if action != "cancel" else str(rollout.challenger)
    summary = {
        "cancel": f"Version {rollout.challenger} is rolled back",
        "promote": f"Version {champion} is champion in place of {rollout.champion}",
        "restore": f"Version {champion} is champion again in place of {rollout.champion}",
    }[action]
    kind = "promote" if action == "promote" else "rollback"
    return settle(rollout, kind, as_of, subject, f"{summary}: {why}.", {"by": "a person"}, now, champion)


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


def decision(
    rollout: Rollout,
    kind: str,
    as_of: str,
    subject: str,
    summary: str,
    now: datetime,
    evidence: Mapping[str, Any] | None = None,
) -> Decision:
    """What is to be written down with a change of `rollout`."""
    return Decision(
        at=now,
        model=rollout.model,
        kind=kind,
        as_of=as_of,
        subject=subject,
        summary=summary,
        evidence=evidence or {},
    )
