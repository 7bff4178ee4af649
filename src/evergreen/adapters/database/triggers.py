"""What became of the retrainings that findings started: the ledger by which drift detection is judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, select

from evergreen.adapters.database import requests, rollouts
from evergreen.adapters.database.requests import RetrainRequest
from evergreen.adapters.database.schema import decision
from evergreen.core.causes import TRIGGERS
from evergreen.core.policy.kinds import DecisionKind

CAUSES = frozenset(cause.value for cause in TRIGGERS)  # of requests that a finding or the calendar started
EVERYTHING = 1_000_000  # rows: more than any history has
CALENDAR = 20  # sessions between the retrainings of the plain rival, a calendar

Fate = Literal["won", "lost", "in canary", "failed", "open"]


@dataclass(frozen=True)
class Trigger:
    """A retraining started by a finding, and whether its challenger took office."""

    request: RetrainRequest
    fate: Fate


def triggers(conn: Connection, model: str) -> list[Trigger]:
    """Every retraining that a finding started, newest first."""
    winners, in_canary = _winners(conn, model), _in_canary(conn, model)
    known = [request for request in requests.recent(conn, model, EVERYTHING) if request.cause in CAUSES]
    return [Trigger(request, _fate(request, winners, in_canary)) for request in known]


def summary(started: Sequence[Trigger], sessions: int) -> str:
    """What the retrainings of `sessions` sessions came to, beside what a calendar would have started."""
    fates = Counter(trigger.fate for trigger in started)
    counts = ", ".join(f"{count} {fate}" for fate, count in fates.items()) or "none"
    noun = "retraining" if len(started) == 1 else "retrainings"
    return (
        f"{len(started)} {noun} started by findings in {sessions} sessions ({counts}); "
        f"a calendar of {CALENDAR} sessions would have started {sessions // CALENDAR}"
    )


def _fate(request: RetrainRequest, winners: set[str], in_canary: str | None) -> Fate:
    if request.state in ("pending", "running"):
        return "open"
    if request.state == "failed" or request.version is None:
        return "failed"
    if request.version in winners:
        return "won"
    return "in canary" if request.version == in_canary else "lost"


def _winners(conn: Connection, model: str) -> set[str]:
    query = select(decision.c.subject).where(decision.c.model == model, decision.c.kind == str(DecisionKind.PROMOTE))
    return set(conn.execute(query).scalars())


def _in_canary(conn: Connection, model: str) -> str | None:
    rollout = rollouts.read(conn, model)
    return rollout.challenger if rollout else None
