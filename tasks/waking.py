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
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

from evergreen.adapters.database import leases, reading, requests
from evergreen.adapters.database.requests import RetrainRequest
from evergreen.errors import Conflict, Unavailable
from evergreen.ops.requests import end_request
from evergreen.workspace import workspace
from tasks.decorators import effect
from tasks.requests import lease, open_requests, read_request, wake

STARTING = timedelta(minutes=5)  # a run that has not claimed its request by then is dead
UNFINISHED = ("SCHEDULED", "PENDING", "RUNNING")
CANCELLED = ("CANCELLING", "CANCELLED")


@effect
def free_dead_claims() -> list[str]:
    """Give back every request whose flow run is over, or silent for longer than its lease; returns their ids.

    One whose run a person cancelled is closed instead, and so is one that was claimed once too often. A silent run
    is marked as crashed, so that it frees its place in the queue; should it still live, the request's fence keeps
    it from acting.
    """
    close_cancelled.fn()
    running = [request for request in open_requests() if request.state == "running"]
    now = datetime.now(UTC)  # after the look: a lease renewed just before it is none of a clock set back
    with get_client(sync_client=True) as client:
        dead = [request for request in running if _is_dead(client, request, now)]
    for request in dead:
        with suppress(Conflict):  # finished this very moment
            leases.release(workspace().engine, request, now)
    return [request.id for request in dead]


@effect
def close_cancelled() -> list[str]:
    """Close every open request whose run was cancelled in Prefect, with who and when; returns their ids."""
    with get_client(sync_client=True) as client:
        waiting = {request.id: request for request in open_requests()}
        coming = set(_on_their_way(client, datetime.now(UTC))) if waiting else set()
        runs = _retrain_runs(client, CANCELLED) if waiting else []
    closed = []
    for run in runs:
        request = waiting.get(run.parameters.get("request_id", ""))
        worked_on = request is not None and request.claimed_by == str(run.id)
        if request and (worked_on or (request.state == "pending" and request.id not in coming)):
            _close(request, run)
            closed.append(waiting.pop(request.id).id)
    return closed


def _close(request: RetrainRequest, run: FlowRun) -> None:
    """Prefect's open-source server has one account for all, and keeps no other name of who cancelled."""
    when = run.state.timestamp if run.state else datetime.now(UTC)
    verdict = f"cancelled by Prefect's account at {when:%Y-%m-%d %H:%M:%S} UTC (run {run.name})."
    with suppress(Conflict):  # finished this very moment
        end_request(workspace().engine, request.id, verdict, when)


def _is_dead(client: SyncPrefectClient, request: RetrainRequest, now: datetime) -> bool:
    try:
        run = client.read_flow_run(UUID(str(request.claimed_by)))
    except ValueError:  # claimed outside of a flow run: only its silence tells
        return _is_silent(request, now)
    except ObjectNotFound:
        return True
    if run.state is not None and run.state.is_final():
        return True
    if silent := _is_silent(request, now):
        _crash(client, run, "It has not renewed its claim.")
    return silent


def _is_silent(request: RetrainRequest, now: datetime) -> bool:
    return request.silent(now) or _unrenewed(request, now)


def _unrenewed(request: RetrainRequest, now: datetime) -> bool:
    """Whether a lease that no clock of today could give is renewed no more: the clock was set back since.

    Found out by waiting, for a third of a lease is the longest a living worker takes to renew it.
    """
    if request.lease_until is None or request.lease_until <= now + lease():
        return False
    time.sleep(lease().total_seconds() / 2)
    return read_request.fn(request.id).lease_until == request.lease_until


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
    for run in _retrain_runs(client, UNFINISHED):
        request_id = run.parameters.get("request_id")
        if request_id is None or run.state is None:
            continue
        if run.state.is_scheduled() or now - run.state.timestamp < STARTING:
            yield request_id
        elif not _works(request_id, str(run.id)):
            _crash(client, run, "It never claimed its request.")


def _retrain_runs(client: SyncPrefectClient, states: tuple[str, ...]) -> list[FlowRun]:
    """The newest runs of `retrain` in one of these states."""
    query = FlowRunFilter.model_validate({"state": {"type": {"any_": list(states)}}})
    flow = FlowFilter.model_validate({"name": {"any_": ["retrain"]}})
    return client.read_flow_runs(flow_filter=flow, flow_run_filter=query, sort=FlowRunSort.START_TIME_DESC)


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
