"""What `evergreen status` says: who serves, what runs, and what to type when something is wrong."""

from __future__ import annotations

from collections.abc import Iterator

from evergreen.adapters.database import decisions, ledger, reading, rollouts, triggers
from evergreen.adapters.infra.processes import Stack
from evergreen.settings import Settings
from evergreen.workspace import Workspace


def lines(settings: Settings) -> Iterator[str]:
    """One line for each process, then the rollout, the data and the last decisions."""
    yield from _processes(settings)
    at = Workspace(settings)
    with reading(at.engine) as conn:
        rollout = rollouts.read(conn, settings.model_name)
        clock = ledger.clock(conn, settings.model_name)
        turns = decisions.turns(conn, settings.model_name, 5)
    if clock is None:
        yield "no data yet: type `evergreen backfill`"
        return
    yield f"data       through session {clock}"
    if rollout is None:
        yield "no champion yet: its training is on its way, or type `evergreen reconcile`"
        return
    yield f"champion   version {rollout.champion}"
    if rollout.challenger:
        yield f"challenger version {rollout.challenger}, {rollout.stage}, {rollout.weight / 100:g} % of clients"
    yield from _drift_lines(at, rollout.champion)
    for decision in turns:
        yield f"{decision.as_of} {decision.kind:<17} {decision.summary}"


def _drift_lines(at: Workspace, champion: str) -> Iterator[str]:
    """Whether the champion is watched, and what the retrainings that findings started came to."""
    with reading(at.engine) as conn:
        checks = ledger.drift_checks(conn, at.settings.model_name, champion, limit=1)
        started = triggers.triggers(conn, at.settings.model_name)
        walked = ledger.count_sessions(conn, at.settings.model_name)
    if checks and checks[0].verdict == "not_monitored":
        yield f"drift      version {champion} has no calibration: its features are not monitored"
    elif checks:
        yield f"drift      {checks[0].as_of}: {checks[0].verdict.replace('_', ' ')}"
    yield f"triggers   {triggers.summary(started, walked)}"


def _processes(settings: Settings) -> Iterator[str]:
    members = Stack(settings.home).members()
    if not members:
        yield f"nothing runs from {settings.home}: type `evergreen up`"
    for member in members:
        if member.alive:
            yield f"{member.name:<10} {member.url or 'running'}"
        else:
            yield f"{member.name:<10} is gone, its last words are in {member.log}: type `evergreen down`, then `up`"


def canary_lines(settings: Settings) -> Iterator[str]:
    """The running canary's stage, evidence and last step."""
    at = Workspace(settings)
    with reading(at.engine) as conn:
        rollout = rollouts.read(conn, settings.model_name)
    if rollout is None or rollout.challenger is None or rollout.evidence is None:
        yield "no canary is running"
        return
    test = rollout.evidence.quality_test()
    exposure = f"{rollout.stage}, {rollout.weight / 100:g} % of clients"
    yield f"version {rollout.challenger} against {rollout.champion}: {exposure}"
    yield f"{len(test.sessions)} sessions, mean r {test.mean_r:+.4f}, margin {test.margin:.4f}"
    yield f"E_promote {test.e_promote:.3g} of {1 / test.rules.alpha_promote:g}"
    yield f"E_rollback {test.e_rollback:.3g} of {1 / test.rules.alpha_rollback:g}"
