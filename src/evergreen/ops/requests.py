"""How a retrain request stands, in words: what it waits for, why it ended, and what to type."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from evergreen.adapters.database import decisions, leases, reading, requests, writing
from evergreen.adapters.database.decisions import Decision, RecordedDecision
from evergreen.adapters.database.leases import CLAIMS
from evergreen.adapters.database.requests import BOOTSTRAP, RetrainRequest
from evergreen.core.policy.kinds import DecisionKind


@dataclass(frozen=True)
class History:
    """A request with all attempts at it, oldest first, and the decisions about them."""

    request: RetrainRequest
    attempts: list[RetrainRequest]
    decisions: list[RecordedDecision]


def read_history(engine: Engine, request_id: str) -> History:
    """Everything on record about a request.

    Raises:
        NotFound: no such request.
    """
    with reading(engine) as conn:
        request = requests.read(conn, request_id)
        attempts = requests.attempts(conn, request.model, request.cause, request.data_version)
        return History(request, attempts, [each for one in attempts for each in decisions.of(conn, one.id)])


def end_request(engine: Engine, request_id: str, verdict: str, now: datetime) -> RetrainRequest:
    """Close an open request by a person's word, with the decision, in one transaction.

    Raises:
        AlreadyClaimed: it is finished.
        NotFound: no such request.
    """
    with writing(engine) as conn:
        before = requests.read(conn, request_id)
        ended = leases.close(conn, request_id, verdict, now)
        decisions.append(conn, _closing(before, verdict, now))
        return ended


def _closing(before: RetrainRequest, verdict: str, now: datetime) -> Decision:
    return Decision(
        at=now,
        model=before.model,
        kind=DecisionKind.RETRAIN_CLOSED,
        as_of=before.as_of,
        subject=before.id,
        summary=f"Request {before.id} ({before.cause}) was {verdict}",
        evidence={"state": before.state, "claimed_by": before.claimed_by, "claims": before.fence},
    )


def standing(request: RetrainRequest, now: datetime) -> str:
    """How a request stands at the wall clock's `now`, and what to type where it needs a person."""
    if request.silent(now):
        return f"its worker has been silent since {request.lease_until:%Y-%m-%d %H:%M} UTC: type `evergreen reconcile`"
    if request.state == "running":
        return f"is worked on by flow run {request.claimed_by}, claim {request.fence} of {CLAIMS}"
    if request.state == "pending":
        again = f" again, after {request.fence} claims" if request.fence else ""
        return f"waits for a worker{again}"
    if request.state == "failed":
        return f"failed: {request.verdict} Ask again with `{same_command(request)}`"
    return f"done: {request.verdict}"


def same_command(request: RetrainRequest) -> str:
    """What a person types to ask for the same again."""
    if request.cause == BOOTSTRAP:
        return "evergreen backfill"
    if run_id := request.evidence.get("run_id"):
        return f"evergreen challenge {run_id}"
    return f"evergreen retrain --reason {shlex.quote(str(request.evidence.get('reason', request.cause)))}"


def lines(request: RetrainRequest, now: datetime) -> Iterator[str]:
    """One line: which request, why it was made, how it stands."""
    yield f"{request.id} {request.as_of} {request.cause}: {standing(request, now)}"


def history_lines(history: History, now: datetime) -> Iterator[str]:
    """A request, each attempt at it, and each decision about it."""
    request = history.request
    yield from lines(request, now)
    yield f"data version {request.data_version}, asked for {request.created_at:%Y-%m-%d %H:%M} UTC"
    for number, attempt in enumerate(history.attempts, start=1):
        yield f"attempt {number} {attempt.id} {attempt.state}, {attempt.fence} claims: {attempt.verdict or '-'}"
    for decision in history.decisions:
        yield f"{decision.at:%Y-%m-%d %H:%M} {decision.kind:<17} {decision.summary}"
