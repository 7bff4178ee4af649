"""Requests that nobody works on: freed from dead workers, woken when their event was lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas import FlowRun
from prefect.client.schemas.filters import FlowFilter, FlowRunFilter
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

from evergreen.adapters.database import reading, requests
from evergreen.adapters.database.requests import RetrainRequest
from evergreen.errors import Conflict, Unavailable
from evergreen.workspace import workspace
from tasks.decorators import effect
from tasks.requests import open_requests, wake

STARTING = timedelta(minutes=5)  # a run that has not claimed its request by then is dead
UNFINISHED = ("SCHEDULED", "PENDING", "RUNNING")


@effect
def free_dead_claims() -> list[str]:
    """Give back every request whose flow run is over, or silent for longer than its lease; returns their ids.

    A silent run is marked as crashed, so that it frees its place in the queue; should it still live, the
    request's fence keeps it from acting.
    """
    now = datetime.now(UTC)
    with get_client(sync_client=True) as client:
        dead = [request for request in open_requests() if request.state == "running" and _is_dead(client, request, now)]
    for request in dead:
        with suppress(Conflict):  # finished this very moment
            requests.release(workspace().engine, request)
    return [request.id for request in dead]


def _is_dead(client: SyncPrefectClient, request: RetrainRequest, now: datetime) -> bool:
    silent = request.lease_until is not None and request.lease_until <= now
    try:
        run = client.read_flow_run(UUID(str(request.claimed_by)))
    except ValueError:  # claimed outside of a flow run: only its silence tells
        return silent
    except ObjectNotFound:
        return True
    over = run.state is not None and run.state.is_final()
    if silent and not over:
        _crash(client, run, "It has not renewed its claim.")
    return silent or over


def _crash(client: SyncPrefectClient, run: FlowRun, why: str) -> None:
    client.set_flow_run_state(run.id, Crashed(message=why), force=True)


@effect
def wake_waiting() -> list[str]:
    """Tell the automation again of every request that no run is on its way to; returns their ids."""
    return _wake_waiting()


def _wake_waiting() -> list[str]:
    at, now = workspace(), datetime.now(UTC)
    with reading(at.engine) as conn:
        waiting = requests.pending(conn, at.settings.model_name, now)
    if not waiting:
        return []
    with get_client(sync_client=True) as client:
        coming = set(_on_their_way(client, now))
    lost = [request for request in waiting if request.id not in coming]
    for request in lost:
        wake(request)
    return [request.id for request in lost]


def _on_their_way(client: SyncPrefectClient, now: datetime) -> Iterator[str]:
    """Requests that a queued or starting run will claim; a run that never got to its claim is crashed."""
    query = FlowRunFilter.model_validate({"state": {"type": {"any_": list(UNFINISHED)}}})
    flow = FlowFilter.model_validate({"name": {"any_": ["retrain"]}})
    for run in client.read_flow_runs(flow_filter=flow, flow_run_filter=query):
        request_id = run.parameters.get("request_id")
        if request_id is None or run.state is None:
            continue
        if run.state.is_scheduled() or now - run.state.timestamp < STARTING:
            yield request_id
        elif not _works(request_id, str(run.id)):
            _crash(client, run, "It never claimed its request.")


def _works(request_id: str, flow_run: str) -> bool:
    return any(request.id == request_id and request.claimed_by == flow_run for request in open_requests())


@effect
def await_open_requests(timeout: float = 1800.0, look_every: float = 30.0) -> list[str]:
    """Wait until no retraining is asked for or running; returns the ids waited for.

    Every `look_every` seconds dead workers and lost events are looked for.

    Raises:
        Unavailable: it took longer than `timeout` seconds.
    """
    waited: set[str] = set()
    began = looked = time.monotonic()
    while open_now := open_requests():
        waited |= {request.id for request in open_now}
        if time.monotonic() - began > timeout:
            raise Unavailable(f"Retraining {', '.join(sorted(waited))} did not end.", "Look at `retrain` in the UI.")
        if time.monotonic() - looked > look_every:
            looked = time.monotonic()
            free_dead_claims.fn()
            _wake_waiting()
        time.sleep(0.5)
    return sorted(waited)
