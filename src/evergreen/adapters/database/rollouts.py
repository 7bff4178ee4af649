"""Who serves what: one row per model, changed only by compare-and-set together with its decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from evergreen.adapters.database import decisions
from evergreen.adapters.database.decisions import Decision
from evergreen.adapters.database.rows import first, insert_one, values
from evergreen.adapters.database.schema import STAGES, rollout
from evergreen.adapters.database.types import utc
from evergreen.errors import BadInput, NotFound, RolloutConflict


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """Champion and challenger of a model, as they serve now.

    `weight` is the challenger's share of clients in basis points, `evidence` the state of the running
    canary's test, `stage_session` the session its stage began, `version` rises by one with each change.
    JSON has no infinities: evidence that may hold them is exact only as text, `{"test": test.to_json()}`.
    """

    model: str
    champion: str
    salt: str
    stage_session: str
    updated_at: datetime
    previous_champion: str | None = None
    challenger: str | None = None
    stage: str = "steady"
    weight: int = 0
    evidence: Mapping[str, Any] | None = None
    version: int = 1

    def __post_init__(self) -> None:
        if problem := _problem(self):
            raise BadInput(f"a rollout of {self.model!r} {problem}.", "Mend the change and try again.")


def read(conn: Connection, model: str) -> Rollout | None:
    """The rollout of a model, or None before its first champion."""
    return first(conn, select(rollout).where(rollout.c.model == model), Rollout)


def current(conn: Connection, model: str) -> Rollout:
    """The rollout of a model.

    Raises:
        NotFound: it has no champion yet.
    """
    found = read(conn, model)
    if found is None:
        raise NotFound(f"{model!r} has no champion yet.", "Run the backfill: it asks for the first one.")
    return found


def create(engine: Engine, first_rollout: Rollout, made: Decision) -> Rollout:
    """Write a model's first rollout and its decision in one transaction.

    Raises:
        RolloutConflict: the model has one already.
    """
    with engine.begin() as conn:
        if not insert_one(conn, rollout, values(first_rollout)):
            raise _lost(conn, first_rollout, expected=0)
        decisions.append(conn, made)
    return first_rollout


def change(engine: Engine, expected: Rollout, made: Decision, **changes: Any) -> Rollout:
    """Change a rollout that is still as the caller read it, with its decision, in one transaction.

    Returns:
        The rollout as it now stands: `version` one higher, `updated_at` the moment of the decision.

    Raises:
        RolloutConflict: somebody changed it since; nothing was written.
        BadInput: a rollout that makes no sense.
    """
    moved = replace(expected, **changes | {"version": expected.version + 1, "updated_at": utc(made.at)})
    same = (rollout.c.model == expected.model) & (rollout.c.version == expected.version)
    with engine.begin() as conn:
        if conn.execute(update(rollout).where(same).values(values(moved))).rowcount != 1:
            raise _lost(conn, expected, expected=expected.version)
        decisions.append(conn, made)
    return moved


def settle(
    engine: Engine, expected: Rollout, made: Decision, champion: str, evidence: Mapping[str, Any] | None = None
) -> Rollout:
    """End whatever runs, with `champion` serving everybody; a champion that leaves is remembered.

    Raises:
        RolloutConflict: somebody changed the rollout since; nothing was written.
    """
    return change(
        engine,
        expected,
        made,
        champion=champion,
        previous_champion=expected.champion if champion != expected.champion else expected.previous_champion,
        challenger=None,
        stage="steady",
        weight=0,
        stage_session=made.as_of,
        evidence=evidence,
    )


def _lost(conn: Connection, wanted: Rollout, expected: int) -> RolloutConflict:
    found = read(conn, wanted.model)
    return RolloutConflict(
        f"the rollout of {wanted.model!r} is at version {found.version if found else 'none'}, "
        f"the change expected {expected or 'none'}.",
        "Read it again, then decide.",
    )


def _problem(row: Rollout) -> str | None:
    if row.stage not in STAGES:
        return f"has stage {row.stage!r}, not one of {', '.join(STAGES)}"
    if (row.stage == "steady") != (row.challenger is None):
        return f"has stage {row.stage} and challenger {row.challenger}"
    if row.challenger == row.champion:
        return f"has {row.champion} as champion and as challenger"
    if not 0 <= row.weight <= 10_000 or (row.weight and row.stage in ("steady", "shadow")):
        return f"has stage {row.stage} and weight {row.weight}"
    return None
