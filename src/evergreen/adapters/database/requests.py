"""Retrain requests: one row per business key, held under a lease, fenced against workers thought dead."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Engine, and_, or_, select, update

from evergreen.adapters.database.rows import every, first, insert_one, values
from evergreen.adapters.database.schema import retrain_request
from evergreen.adapters.database.types import utc
from evergreen.core.bars.session import Session, iso
from evergreen.core.hash_chain import canonical
from evergreen.errors import AlreadyClaimed, Conflict, NotFound


@dataclass(frozen=True, kw_only=True)
class RetrainRequest:
    """A wish for a new model and how far it has come.

    `fence` rises with each claim: only the claim with the current fence may renew or finish. `generation`
    counts how many requests led to this one.
    """

    id: str
    key: str
    model: str
    cause: str
    as_of: str
    data_version: str
    created_at: datetime
    evidence: Mapping[str, Any] = field(default_factory=dict)
    state: str = "pending"
    claimed_by: str | None = None
    lease_until: datetime | None = None
    fence: int = 0
    generation: int = 0
    run_id: str | None = None
    version: str | None = None
    verdict: str | None = None
    finished_at: datetime | None = None


def request(
    conn: Connection,
    model: str,
    cause: str,
    data_version: str,
    as_of: Session,
    evidence: Mapping[str, Any],
    now: datetime,
    generation: int = 0,
) -> tuple[RetrainRequest, bool]:
    """Ask for a retraining, in the caller's transaction; each (model, cause, data version) asks only once.

    Returns:
        The request on record and whether this call created it.
    """
    key = canonical([model, cause, data_version])
    new = RetrainRequest(
        id=hashlib.sha256(key.encode()).hexdigest()[:16],
        key=key,
        model=model,
        cause=cause,
        as_of=iso(as_of),
        data_version=data_version,
        created_at=utc(now),
        evidence=evidence,
        generation=generation,
    )
    created = insert_one(conn, retrain_request, values(new))
    return read(conn, new.id), created


def claim(engine: Engine, request_id: str, owner: str, now: datetime, lease: timedelta) -> RetrainRequest:
    """Take a request to work on it until `now + lease`.

    A pending one, one whose lease has run out, and one the same owner holds (a flow run started again) can be
    taken; each time the fence rises.

    Raises:
        AlreadyClaimed: another owner holds it, or it is finished.
        NotFound: no such request.
    """
    free = or_(_claimable(now), _held_by(owner))
    taken = {"state": "running", "claimed_by": owner, "lease_until": utc(now) + lease}
    with engine.begin() as conn:
        statement = update(retrain_request).where(retrain_request.c.id == request_id, free)
        if conn.execute(statement.values(**taken, fence=retrain_request.c.fence + 1)).rowcount != 1:
            raise _refused(read(conn, request_id))
        return read(conn, request_id)


def renew(engine: Engine, claimed: RetrainRequest, now: datetime, lease: timedelta) -> RetrainRequest:
    """Hold a claimed request until `now + lease`.

    Raises:
        Conflict: it was taken over or finished meanwhile; stop working on it.
    """
    return _write_fenced(engine, claimed, {"lease_until": utc(now) + lease})


def release(engine: Engine, claimed: RetrainRequest) -> RetrainRequest:
    """Give a claimed request back, so that anybody may claim it: its worker is known to be gone.

    Raises:
        Conflict: it was taken over or finished meanwhile; nothing was written.
    """
    return _write_fenced(engine, claimed, {"state": "pending", "claimed_by": None, "lease_until": None})


def finish(
    engine: Engine,
    claimed: RetrainRequest,
    state: Literal["done", "failed"],
    now: datetime,
    *,
    run_id: str | None = None,
    version: str | None = None,
    verdict: str | None = None,
) -> RetrainRequest:
    """Close a claimed request with what came of it; the same claim may say the same again.

    Raises:
        Conflict: it was taken over or finished otherwise meanwhile; nothing was written.
    """
    outcome = {"state": state, "run_id": run_id, "version": version, "verdict": verdict}
    return _write_fenced(engine, claimed, outcome | {"finished_at": utc(now), "lease_until": None})


def read(conn: Connection, request_id: str) -> RetrainRequest:
    """The request with that id.

    Raises:
        NotFound: it is not on record.
    """
    query = select(retrain_request).where(retrain_request.c.id == request_id)
    current = first(conn, query, RetrainRequest)
    if current is None:
        raise NotFound(f"no retrain request {request_id!r} is on record.", "See `evergreen status`.")
    return current


def pending(conn: Connection, model: str, now: datetime) -> list[RetrainRequest]:
    """Requests that can be claimed now, oldest first: never taken, or their lease has run out."""
    query = select(retrain_request).where(retrain_request.c.model == model, _claimable(now))
    return every(conn, query.order_by(retrain_request.c.created_at), RetrainRequest)


def recent(conn: Connection, model: str, limit: int = 20) -> list[RetrainRequest]:
    """The last requests for a model, newest first."""
    query = select(retrain_request).where(retrain_request.c.model == model)
    return every(conn, query.order_by(retrain_request.c.created_at.desc()).limit(limit), RetrainRequest)


def _write_fenced(engine: Engine, claimed: RetrainRequest, changes: dict[str, Any]) -> RetrainRequest:
    ours = and_(retrain_request.c.id == claimed.id, retrain_request.c.fence == claimed.fence)
    running = retrain_request.c.state == "running"
    with engine.begin() as conn:
        written = conn.execute(update(retrain_request).where(ours, running).values(**changes)).rowcount
        current = read(conn, claimed.id)
        if written != 1 and not _says_the_same(current, claimed, changes):
            raise Conflict(
                f"retrain request {claimed.id} is {current.state} with fence {current.fence}, not {claimed.fence}.",
                "Another worker took it over: stop here.",
            )
        return current


def _says_the_same(current: RetrainRequest, claimed: RetrainRequest, changes: dict[str, Any]) -> bool:
    outcome = {name: value for name, value in changes.items() if name != "finished_at"}
    return current.fence == claimed.fence and "state" in outcome and replace(current, **outcome) == current


def _claimable(now: datetime) -> ColumnElement[bool]:
    lapsed = and_(retrain_request.c.state == "running", retrain_request.c.lease_until <= utc(now))
    return or_(retrain_request.c.state == "pending", lapsed)


def _held_by(owner: str) -> ColumnElement[bool]:
    return and_(retrain_request.c.state == "running", retrain_request.c.claimed_by == owner)


def _refused(request: RetrainRequest) -> AlreadyClaimed:
    if request.state == "running":
        return AlreadyClaimed(
            f"retrain request {request.id} is held by {request.claimed_by} until {request.lease_until}.",
            "Wait for it, or for its lease to run out.",
        )
    return AlreadyClaimed(f"retrain request {request.id} is {request.state} already.", "Nothing to do.")
