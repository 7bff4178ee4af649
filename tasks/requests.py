"""Retrain requests: the row is the record, the event is only a wake-up."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
from prefect.events import emit_event
from prefect.runtime import flow_run

from evergreen.adapters.database import decisions, leases, reading, requests, writing
from evergreen.adapters.database.requests import RetrainRequest
from evergreen.core.policy.kinds import DecisionKind
from evergreen.errors import Conflict, Transient
from evergreen.workspace import workspace
from tasks.decorators import effect

EVENT = "evergreen.retrain.requested"
TRIES = 3  # claims of one request before a failure that may heal counts as a failure


@effect
def request_retrain(
    cause: str, why: str, as_of: pd.Timestamp, data_version: str, evidence: Mapping[str, Any], now: datetime
) -> str:
    """Write down that a model is wanted, with the decision, and wake the automation; returns the request's id.

    The same cause on the same data asks only once: an open request is woken again, a finished one is not, and one
    that failed is asked for anew.
    """
    at = workspace()
    model = at.settings.model_name
    with writing(at.engine) as conn:
        request, created = requests.request(conn, model, cause, data_version, as_of, evidence, now, again=True)
        if created:
            decisions.append(conn, decide_request(request, why, now))
    if request.state == "pending":
        wake(request)
    print(f"Request {request.id}, {request.state}: {why}")
    return request.id


def decide_request(request: RetrainRequest, why: str, now: datetime) -> decisions.Decision:
    """What is to be written down with a new request."""
    return decisions.Decision(
        at=now,
        model=request.model,
        kind=DecisionKind.RETRAIN_REQUESTED,
        as_of=request.as_of,
        subject=request.id,
        summary=why,
        evidence={"cause": request.cause, "data_version": request.data_version} | dict(request.evidence),
    )


def wake(request: RetrainRequest) -> None:
    """Tell the server, whose automation starts `retrain` with this request."""
    emit_event(
        EVENT,
        resource={"prefect.resource.id": f"evergreen.model.{request.model}"},
        payload={"request_id": request.id, "cause": request.cause},
    )


@effect
def claim_request(request_id: str) -> RetrainRequest:
    """Take the request for this flow run, under a lease on the wall's clock.

    Raises:
        AlreadyClaimed: another run holds it, or it is finished.
    """
    owner = str(flow_run.get_id() or "interactive")
    return leases.claim(workspace().engine, request_id, owner, datetime.now(UTC), lease())


@effect
def finish_request(request: RetrainRequest, now: datetime, version: str, verdict: str) -> None:
    """Close the request with what came of it."""
    leases.finish(workspace().engine, request, "done", now, version=version, verdict=verdict)


def lease() -> timedelta:
    """How long a claim holds without being renewed."""
    return timedelta(seconds=workspace().settings.lease_seconds)


@effect
def confirm_claim(request: RetrainRequest) -> None:
    """Make sure that this run still holds the request, right before it acts on its result.

    Raises:
        Conflict: it was taken over meanwhile, or is finished.
    """
    leases.renew(workspace().engine, request, datetime.now(UTC), lease())


@contextmanager
def holding_claim(request: RetrainRequest, now: datetime) -> Iterator[None]:
    """Renew the claim while the work goes on; when it fails, close the request with the reason.

    A failure that may heal gives the request back instead, for `reconcile` to wake, up to three claims. The
    error goes on either way.
    """
    ended = threading.Event()
    heart = threading.Thread(target=_renew, args=(request, ended), daemon=True)
    heart.start()
    try:
        yield
    except Exception as error:
        _give_up(request, error, now)
        raise
    finally:
        ended.set()
        heart.join()


def _renew(request: RetrainRequest, ended: threading.Event) -> None:
    at = workspace()
    while not ended.wait(lease().total_seconds() / 3):
        try:
            leases.renew(at.engine, request, datetime.now(UTC), lease())
        except Conflict:
            return  # fenced off: `confirm_claim` says so before anything is acted on
        except Transient:
            continue


def _give_up(request: RetrainRequest, error: Exception, now: datetime) -> None:
    at = workspace()
    if isinstance(error, Transient) and request.fence < TRIES:
        leases.release(at.engine, request, now)
    elif not isinstance(error, Conflict):
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        leases.finish(at.engine, request, "failed", now, verdict=reason)


@effect
def read_request(request_id: str) -> RetrainRequest:
    """The request as it stands.

    Raises:
        NotFound: it is not on record.
    """
    with reading(workspace().engine) as conn:
        return requests.read(conn, request_id)


def open_requests() -> list[RetrainRequest]:
    """The requests that are waiting or being worked on."""
    at = workspace()
    with reading(at.engine) as conn:
        return requests.unfinished(conn, at.settings.model_name)
