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

from evergreen.adapters.database import decisions, reading, requests, writing
from evergreen.adapters.database.requests import RetrainRequest
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

    The same cause on the same data asks only once: an open request is woken again, a finished one is not.
    """
    at = workspace()
    model = at.settings.model_name
    with writing(at.engine) as conn:
        asked, created = requests.request(conn, model, cause, data_version, as_of, evidence, now)
        if created:
            decisions.append(conn, decide_request(asked, why, now))
    if asked.state == "pending":
        wake(asked)
    return asked.id


def decide_request(asked: RetrainRequest, why: str, now: datetime) -> decisions.Decision:
    """What is to be written down with a new request."""
    return decisions.Decision(
        at=now,
        model=asked.model,
        kind="retrain_requested",
        as_of=asked.as_of,
        subject=asked.id,
        summary=why,
        evidence={"cause": asked.cause, "data_version": asked.data_version} | dict(asked.evidence),
    )


def wake(asked: RetrainRequest) -> None:
    """Tell the server, whose automation starts `retrain` with this request."""
    emit_event(
        EVENT,
        resource={"prefect.resource.id": f"evergreen.model.{asked.model}"},
        payload={"request_id": asked.id, "cause": asked.cause},
    )


@effect
def claim_request(request_id: str) -> RetrainRequest:
    """Take the request for this flow run, under a lease on the wall's clock.

    Raises:
        AlreadyClaimed: another run holds it, or it is finished.
    """
    owner = str(flow_run.get_id() or "interactive")
    return requests.claim(workspace().engine, request_id, owner, datetime.now(UTC), lease())


@effect
def finish_request(held: RetrainRequest, now: datetime, version: str, verdict: str) -> None:
    """Close the request with what came of it."""
    requests.finish(workspace().engine, held, "done", now, version=version, verdict=verdict)


def lease() -> timedelta:
    """How long a claim holds without being renewed."""
    return timedelta(seconds=workspace().settings.lease_seconds)


@effect
def confirm_claim(held: RetrainRequest) -> None:
    """Make sure that this run still holds the request, right before it acts on its result.

    Raises:
        Conflict: it was taken over meanwhile, or is finished.
    """
    requests.renew(workspace().engine, held, datetime.now(UTC), lease())


@contextmanager
def held(asked: RetrainRequest, now: datetime) -> Iterator[None]:
    """Renew the claim while the work goes on; when it fails, close the request with the reason.

    A failure that may heal gives the request back instead, for `reconcile` to wake, up to three claims. The
    error goes on either way.
    """
    done = threading.Event()
    heart = threading.Thread(target=_renew, args=(asked, done), daemon=True)
    heart.start()
    try:
        yield
    except Exception as error:
        _give_up(asked, error, now)
        raise
    finally:
        done.set()
        heart.join()


def _renew(asked: RetrainRequest, done: threading.Event) -> None:
    at = workspace()
    while not done.wait(lease().total_seconds() / 3):
        try:
            requests.renew(at.engine, asked, datetime.now(UTC), lease())
        except Conflict:
            return  # fenced off: `confirm_claim` says so before anything is acted on
        except Transient:
            continue


def _give_up(asked: RetrainRequest, error: Exception, now: datetime) -> None:
    at = workspace()
    if isinstance(error, Transient) and asked.fence < TRIES:
        requests.release(at.engine, asked)
    elif not isinstance(error, Conflict):
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        requests.finish(at.engine, asked, "failed", now, verdict=reason)


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
        known = requests.recent(conn, at.settings.model_name)
    return [asked for asked in known if asked.state in ("pending", "running")]
