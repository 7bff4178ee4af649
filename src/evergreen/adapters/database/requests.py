"""Retrain requests: one row per business key. How a worker holds one is `leases`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from evergreen.adapters.database.rows import every, insert_one, values
from evergreen.adapters.database.schema import retrain_request
from evergreen.adapters.database.types import utc
from evergreen.core.bars.session import Session, iso
from evergreen.core.hash_chain import canonical
from evergreen.errors import NotFound

BOOTSTRAP = "bootstrap"  # the cause of the first training
BY_HAND = "by hand"  # what the cause of one that a person asks for begins with
STILL_OPEN = retrain_request.c.state.in_(("pending", "running"))


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
    return _listed(conn, retrain_request.c.model == model, claimable(now))


def unfinished(conn: Connection, model: str) -> list[RetrainRequest]:
    """Every request that waits or is worked on, oldest first."""
    return _listed(conn, retrain_request.c.model == model, STILL_OPEN)


def attempts(conn: Connection, model: str, cause: str, data_version: str) -> list[RetrainRequest]:
    """All attempts at one request, oldest first."""
    same = {"model": model, "cause": cause, "data_version": data_version}
    which = [retrain_request.c[name] == value for name, value in same.items()]
    return sorted(_listed(conn, *which), key=lambda request: int(request.evidence.get("attempt", 1)))


def recent(conn: Connection, model: str, limit: int = 20) -> list[RetrainRequest]:
    """The last requests for a model, newest first."""
    query = select(retrain_request).where(retrain_request.c.model == model)
    return every(conn, query.order_by(retrain_request.c.created_at.desc()).limit(limit), RetrainRequest)


def claimable(now: datetime) -> ColumnElement[bool]:
    """Which requests nobody holds: they wait, or their lease has run out."""
    lapsed = and_(retrain_request.c.state == "running", retrain_request.c.lease_until <= utc(now))
    return or_(retrain_request.c.state == "pending", lapsed)


def _listed(conn: Connection, *which: ColumnElement[bool]) -> list[RetrainRequest]:
    query = select(retrain_request).where(*which).order_by(retrain_request.c.created_at)
    return every(conn, query, RetrainRequest)
