"""Retrain requests: the row is the record, the event is only a wake-up."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
from prefect.events import emit_event
from prefect.runtime import flow_run

from evergreen.adapters.database import decisions, reading, requests, writing
from evergreen.adapters.database.requests import RetrainRequest
from evergreen.errors import Unavailable
from evergreen.workspace import workspace
from tasks.decorators import effect

EVENT = "evergreen.retrain.requested"
LEASE = timedelta(minutes=30)


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
            made = _decision(asked, why, now)
            decisions.append(conn, made)
    if asked.state == "pending":
        wake(asked)
    return asked.id


def _decision(asked: RetrainRequest, why: str, now: datetime) -> decisions.Decision:
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
    return requests.claim(workspace().engine, request_id, owner, datetime.now(UTC), LEASE)


@effect
def finish_request(held: RetrainRequest, now: datetime, version: str, verdict: str) -> None:
    """Close the request with what came of it."""
    requests.finish(workspace().engine, held, "done", now, version=version, verdict=verdict)


@contextmanager
def held(asked: RetrainRequest, now: datetime) -> Iterator[None]:
    """Close the request as failed, with the reason, when the work on it fails; the error goes on."""
    try:
        yield
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        requests.finish(workspace().engine, asked, "failed", now, verdict=reason)
        raise


@effect
def read_request(request_id: str) -> RetrainRequest:
    """The request as it stands.

    Raises:
        NotFound: it is not on record.
    """
    with reading(workspace().engine) as conn:
        return requests.read(conn, request_id)


@effect
def await_open_requests(timeout: float = 1800.0, wake_after: float = 30.0) -> list[str]:
    """Wait until no retraining is asked for or running; returns the ids waited for.

    A request that nobody has taken is woken again every `wake_after` seconds: its event may have been lost.

    Raises:
        Unavailable: it took longer than `timeout` seconds.
    """
    waited: set[str] = set()
    began = woken = time.monotonic()
    while open_now := open_requests():
        waited |= {asked.id for asked in open_now}
        if time.monotonic() - began > timeout:
            raise Unavailable(f"Retraining {', '.join(sorted(waited))} did not end.", "Look at `retrain` in the UI.")
        if time.monotonic() - woken > wake_after:
            woken = time.monotonic()
            for asked in open_now:
                if asked.state == "pending":
                    wake(asked)
        time.sleep(0.5)
    return sorted(waited)


def open_requests() -> list[RetrainRequest]:
    """The requests that are waiting or being worked on."""
    at = workspace()
    with reading(at.engine) as conn:
        known = requests.recent(conn, at.settings.model_name)
    return [asked for asked in known if asked.state in ("pending", "running")]
