"""Who serves what: the only tasks that change the rollout row, each change with its decision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from evergreen.adapters.database import reading, rollouts
from evergreen.adapters.database.decisions import Decision
from evergreen.adapters.database.requests import RetrainRequest
from evergreen.adapters.database.rollouts import Rollout
from evergreen.errors import BadInput, NotFound
from evergreen.workspace import workspace
from tasks.decorators import effect
from tasks.gate import Judgement


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

    An admitted version becomes champion at once where only the random walk served, else it goes into shadow;
    it waits for no running canary. Done already, it is only said again.
    """
    at = workspace()
    with reading(at.engine) as conn:
        rollout = rollouts.current(conn, at.settings.model_name)
    if judged.version in (rollout.champion, rollout.challenger):
        return f"version {judged.version} is {'champion' if judged.version == rollout.champion else 'in canary'}"
    if not judged.verdict.admitted:
        return f"version {judged.version} was not admitted: {judged.verdict.reasons[0]}"
    if rollout.challenger:
        return f"version {judged.version} was admitted, but {rollout.challenger} is in canary: challenge again after"
    if judged.frozen is None:
        promote(rollout, judged.version, asked.as_of, "no model served before it", {}, now)
        return f"version {judged.version} is champion"
    _start_canary(rollout, judged, asked, now)
    return f"version {judged.version} went into shadow"


def _start_canary(rollout: Rollout, judged: Judgement, asked: RetrainRequest, now: datetime) -> None:
    summary = f"Version {judged.version} goes into shadow beside {rollout.champion}."
    evidence = {"started": asked.as_of, "looked": asked.as_of, **(judged.frozen or {})}
    rollouts.change(
        workspace().engine,
        rollout,
        decision(rollout, "canary_start", asked.as_of, judged.version, summary, now, evidence),
        challenger=judged.version,
        stage="shadow",
        weight=0,
        salt=f"{rollout.model}/{judged.version}",
        stage_session=asked.as_of,
        evidence=evidence,
    )


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
    previous = rollout.champion if champion != rollout.champion else rollout.previous_champion
    return rollouts.change(
        workspace().engine,
        rollout,
        decision(rollout, kind, as_of, subject, summary, now, evidence),
        champion=champion,
        previous_champion=previous,
        challenger=None,
        stage="steady",
        weight=0,
        stage_session=as_of,
        evidence=None,
    )


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
