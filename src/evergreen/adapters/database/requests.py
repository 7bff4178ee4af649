"""Retrain requests: one row per business key, held under a lease, fenced against workers thought dead."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Engine, and_, or_, select, update

from evergreen.adapters.database.rows import every, insert_one, values
from evergreen.adapters.database.schema import retrain_request
from evergreen.adapters.database.types import utc
from evergreen.core.bars.session import Session, iso
from evergreen.core.hash_chain import canonical
from evergreen.errors import AlreadyClaimed, Conflict, NotFound

CLAIMS = 8  # a machine restarted again and again gets through; work that ends eight workers would end the ninth
EXHAUSTED = f"{CLAIMS} workers ended before it was finished. Look at the logs of `retrain`, then ask again."
BOOTSTRAP = "bootstrap"  # the cause of the first training
BY_HAND = "by hand"  # what the cause of one that a person asks for begins with
_STILL_OPEN = retrain_request.c.state.in_(("pending", "running"))


@dataclass(frozen=True, kw_only=True)
class RetrainRequest:
    """A wish for a new model and how far it has come.

    `fence` rises with each claim: only the claim with the current fence may renew or finish. `generation`
    counts how many requests led to this one. A failed one that is asked for again is a row of its own, its
    attempt in `evidence`.
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

    @property
    def open(self) -> bool:
        """Whether it still waits or is worked on."""
        return self.state in ("pending", "running")

    def silent(self, now: datetime) -> bool:
        """Whether its worker has let its lease run out."""
        return self.state == "running" and self.lease_until is not None and self.lease_until <= now


def request(
    conn: Connection,
    model: str,
    cause: str,
    data_version: str,
    as_of: Session,
    evidence: Mapping[str, Any],
    now: datetime,
    generation: int = 0,
    again: bool = False,
) -> tuple[RetrainRequest, bool]:
    """Ask for a retraining, in the caller's transaction; each (model, cause, data version) asks only once.

    With `again`, one that failed is asked for anew: another attempt, which names the one before it.

    Returns:
        The request on record, its last attempt, and whether this call created it.
    """
    before = attempts(conn, model, cause, data_version)
    if before and not (again and before[-1].state == "failed"):
        return before[-1], False
    attempt = len(before) + 1
    key = canonical([model, cause, data_version, *([attempt] if before else [])])
    if before:
        evidence = {**evidence, "attempt": attempt, "after": before[-1].id}
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
    own = and_(retrain_request.c.state == "running", retrain_request.c.claimed_by == owner)
    free = and_(or_(_claimable(now), own), retrain_request.c.fence < CLAIMS)
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


def release(engine: Engine, claimed: RetrainRequest, now: datetime) -> RetrainRequest:
    """Give a claimed request back, so that anybody may claim it: its worker is known to be gone.

    After its last claim it is closed as failed instead.

    Raises:
        Conflict: it was taken over or finished meanwhile; nothing was written.
    """
    if claimed.fence >= CLAIMS:
        return finish(engine, claimed, "failed", now, verdict=EXHAUSTED)
    return _write_fenced(engine, claimed, {"state": "pending", "claimed_by": None, "lease_until": None})


def close(conn: Connection, request_id: str, verdict: str, now: datetime) -> RetrainRequest:
    """End an open request by a person's word, whoever works on it; it is fenced off, and nobody takes it again.

    Raises:
        AlreadyClaimed: it is finished.
        NotFound: no such request.
    """
    statement = update(retrain_request).where(retrain_request.c.id == request_id, _STILL_OPEN)
    ended = {"state": "failed", "verdict": verdict, "finished_at": utc(now), "lease_until": None}
    if conn.execute(statement.values(**ended)).rowcount != 1:
        raise _refused(read(conn, request_id))
    return read(conn, request_id)


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
    listed = _listed(conn, retrain_request.c.id == request_id)
    if not listed:
        raise NotFound(f"no retrain request {request_id!r} is on record.", "See `evergreen requests list`.")
    return listed[0]


def pending(conn: Connection, model: str, now: datetime) -> list[RetrainRequest]:
    """Requests that can be claimed now, oldest first: never taken, or their lease has run out."""
    return _listed(conn, retrain_request.c.model == model, _claimable(now))


def unfinished(conn: Connection, model: str) -> list[RetrainRequest]:
    """Every request that waits or is worked on, oldest first."""
    return _listed(conn, retrain_request.c.model == model, _STILL_OPEN)


def attempts(conn: Connection, model: str, cause: str, data_version: str) -> list[RetrainRequest]:
    """All attempts at one request, oldest first."""
    same = {"model": model, "cause": cause, "data_version": data_version}
    which = [retrain_request.c[name] == value for name, value in same.items()]
    return sorted(_listed(conn, *which), key=lambda request: int(request.evidence.get("attempt", 1)))


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


def _listed(conn: Connection, *which: ColumnElement[bool]) -> list[RetrainRequest]:
    query = select(retrain_request).where(*which).order_by(retrain_request.c.created_at)
    return every(conn, query, RetrainRequest)


def _refused(request: RetrainRequest) -> AlreadyClaimed:
    if request.open and request.fence >= CLAIMS:
        return AlreadyClaimed(f"retrain request {request.id}: {EXHAUSTED}", "`evergreen reconcile` closes it.")
    if request.state == "running":
        return AlreadyClaimed(
            f"retrain request {request.id} is held by {request.claimed_by} until {request.lease_until}.",
            "Wait for it, or for its lease to run out.",
        )
    return AlreadyClaimed(f"retrain request {request.id} is {request.state} already.", "Nothing to do.")
