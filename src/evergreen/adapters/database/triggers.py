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

CAUSES = ("covariate_shift", "loss_of_skill", "old_age")  # of requests that a finding started
EVERYTHING = 1_000_000
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
    asked = [one for one in requests.recent(conn, model, EVERYTHING) if one.cause in CAUSES]
    return [Trigger(one, _fate(one, winners, in_canary)) for one in asked]


def summary(started: Sequence[Trigger], sessions: int) -> str:
    """What the retrainings of `sessions` sessions came to, beside what a calendar would have started."""
    fates = Counter(trigger.fate for trigger in started)
    told = ", ".join(f"{count} {fate}" for fate, count in fates.items()) or "none"
    noun = "retraining" if len(started) == 1 else "retrainings"
    return (
        f"{len(started)} {noun} started by findings in {sessions} sessions ({told}); "
        f"a calendar of {CALENDAR} sessions would have started {sessions // CALENDAR}"
    )


def _fate(asked: RetrainRequest, winners: set[str], in_canary: str | None) -> Fate:
    if asked.state in ("pending", "running"):
        return "open"
    if asked.state == "failed" or asked.version is None:
        return "failed"
    if asked.version in winners:
        return "won"
    return "in canary" if asked.version == in_canary else "lost"


def _winners(conn: Connection, model: str) -> set[str]:
    query = select(decision.c.subject).where(decision.c.model == model, decision.c.kind == "promote")
    return set(conn.execute(query).scalars())


def _in_canary(conn: Connection, model: str) -> str | None:
    rollout = rollouts.read(conn, model)
    return rollout.challenger if rollout else None
