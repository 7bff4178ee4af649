"""Leases on retrain requests: a worker holds one while it works, fenced against workers thought dead."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Engine, and_, or_, update

from evergreen.adapters.database.requests import STILL_OPEN, RetrainRequest, claimable, read
from evergreen.adapters.database.schema import retrain_request
from evergreen.adapters.database.types import utc
from evergreen.errors import AlreadyClaimed, Conflict

CLAIMS = 8  # a machine restarted again and again gets through; work that ends eight workers would end the ninth
EXHAUSTED = f"{CLAIMS} workers ended before it was finished. Look at the logs of `retrain`, then ask again."


def claim(engine: Engine, request_id: str, owner: str, now: datetime, lease: timedelta) -> RetrainRequest:
    """Take a request to work on it until `now + lease`.

    A pending one, one whose lease has run out, and one the same owner holds (a flow run started again) can be
    taken; each time the fence rises.

    Raises:
        AlreadyClaimed: another owner holds it, or it is finished.
        NotFound: no such request.
    """
    own = and_(retrain_request.c.state == "running", retrain_request.c.claimed_by == owner)
    free = and_(or_(claimable(now), own), retrain_request.c.fence < CLAIMS)
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
    statement = update(retrain_request).where(retrain_request.c.id == request_id, STILL_OPEN)
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


def _refused(request: RetrainRequest) -> AlreadyClaimed:
    if request.open and request.fence >= CLAIMS:
        return AlreadyClaimed(f"retrain request {request.id}: {EXHAUSTED}", "`evergreen reconcile` closes it.")
    if request.state == "running":
        return AlreadyClaimed(
            f"retrain request {request.id} is held by {request.claimed_by} until {request.lease_until}.",
            "Wait for it, or for its lease to run out.",
        )
    return AlreadyClaimed(f"retrain request {request.id} is {request.state} already.", "Nothing to do.")
