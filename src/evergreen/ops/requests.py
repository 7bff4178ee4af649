"""How a retrain request stands, in words: what it waits for, why it ended, and what to type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from evergreen.adapters.database import decisions, leases, reading, requests, writing
from evergreen.adapters.database.decisions import Decision, RecordedDecision
from evergreen.adapters.database.request_words import standing
from evergreen.adapters.database.requests import RetrainRequest
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
