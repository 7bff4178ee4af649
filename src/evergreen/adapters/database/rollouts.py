"""Who serves what: one row per model, changed only by compare-and-set together with its decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, select, update

from evergreen.adapters.database import decisions
from evergreen.adapters.database.decisions import Decision
from evergreen.adapters.database.rows import insert_one, values
from evergreen.adapters.database.schema import rollout
from evergreen.adapters.database.types import utc
from evergreen.core.canary.stages import EVERYBODY, SHADOW, STEADY
from evergreen.errors import BadInput, NotFound, RolloutConflict

if TYPE_CHECKING:
    from evergreen.core.canary import CanaryRecord


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """Champion and challenger of a model, as they serve now.

    `weight` is the challenger's share of clients in basis points, `stage` one of its canary's ladder or `steady`,
    `evidence` what the running canary, or a champion fresh from one, is judged by, `stage_session` the session its
    stage began; `version` rises by one with each change.
    """

    model: str
    champion: str
    salt: str
    stage_session: str
    updated_at: datetime
    previous_champion: str | None = None
    challenger: str | None = None
    stage: str = STEADY
    weight: int = 0
    evidence: CanaryRecord | None = None
    version: int = 1

    def __post_init__(self) -> None:
        if problem := _problem(self):
            raise BadInput(f"a rollout of {self.model!r} {problem}.", "Mend the change and try again.")


def read(conn: Connection, model: str) -> Rollout | None:
    """The rollout of a model, or None before its first champion."""
    row = conn.execute(select(rollout).where(rollout.c.model == model)).mappings().first()
    return None if row is None else _from_row(row)


def current(conn: Connection, model: str) -> Rollout:
    """The rollout of a model.

    Raises:
        NotFound: it has no champion yet.
    """
    row = read(conn, model)
    if row is None:
        raise NotFound(f"{model!r} has no champion yet.", "Run the backfill: it asks for the first one.")
    return row


def create(engine: Engine, first_rollout: Rollout, decision: Decision) -> Rollout:
    """Write a model's first rollout and its decision in one transaction.

    Raises:
        RolloutConflict: the model has one already.
    """
    with engine.begin() as conn:
        if not insert_one(conn, rollout, _to_row(first_rollout)):
            raise _lost(conn, first_rollout, expected=0)
        decisions.append(conn, decision)
    return first_rollout


def change(engine: Engine, expected: Rollout, decision: Decision, **changes: Any) -> Rollout:
    """Change a rollout that is still as the caller read it, with its decision, in one transaction.

    Returns:
        The rollout as it now stands: `version` one higher, `updated_at` the moment of the decision.

    Raises:
        RolloutConflict: somebody changed it since; nothing was written.
        BadInput: a rollout that makes no sense.
    """
    moved = replace(expected, **changes | {"version": expected.version + 1, "updated_at": utc(decision.at)})
    same = (rollout.c.model == expected.model) & (rollout.c.version == expected.version)
    with engine.begin() as conn:
        if conn.execute(update(rollout).where(same).values(_to_row(moved))).rowcount != 1:
            raise _lost(conn, expected, expected=expected.version)
        decisions.append(conn, decision)
    return moved


def steady(row: Rollout, champion: str, as_of: str, evidence: CanaryRecord | None = None) -> dict[str, Any]:
    """What changes when whatever runs ends, with `champion` serving everybody; a champion that leaves is remembered."""
    return {
        "champion": champion,
        "previous_champion": row.champion if champion != row.champion else row.previous_champion,
        "challenger": None,
        "stage": STEADY,
        "weight": 0,
        "stage_session": as_of,
        "evidence": evidence,
    }


def _lost(conn: Connection, late: Rollout, expected: int) -> RolloutConflict:
    current_row = read(conn, late.model)
    return RolloutConflict(
        f"the rollout of {late.model!r} is at version {current_row.version if current_row else 'none'}, "
        f"the change expected {expected or 'none'}.",
        "Read it again, then decide.",
    )


def _from_row(row: Mapping[Any, Any]) -> Rollout:
    fields: dict[str, Any] = dict(row)
    stored = fields.pop("evidence")
    return Rollout(**fields, evidence=None if stored is None else _evidence(stored))


def _evidence(stored: Mapping[str, Any]) -> CanaryRecord:
    from evergreen.core.canary import CanaryRecord  # with scipy, which takes a second: only where a canary runs or ran

    return CanaryRecord.from_json(stored)


def _to_row(row: Rollout) -> dict[str, Any]:
    return values(row) | {"evidence": row.evidence.to_json() if row.evidence else None}


def _problem(row: Rollout) -> str | None:
    if (row.stage == STEADY) != (row.challenger is None):
        return f"has stage {row.stage} and challenger {row.challenger}"
    if row.challenger == row.champion:
        return f"has {row.champion} as champion and as challenger"
    if not 0 <= row.weight <= EVERYBODY or (row.weight and row.stage in (STEADY, SHADOW)):
        return f"has stage {row.stage} and weight {row.weight}"
    return None
