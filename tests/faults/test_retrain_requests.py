"""Whatever happens to events, server and worker: each finding leads to exactly one completed retraining."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from evergreen.adapters.database import decisions, ledger, reading, requests, writing
from evergreen.adapters.database.requests import RetrainRequest
from evergreen.adapters.infra.accounts import prefect_account
from evergreen.adapters.infra.prefect_api import PrefectApi
from evergreen.adapters.infra.processes import Stack, wait_until_ready
from evergreen.errors import NotFound
from evergreen.ops import local_stack
from evergreen.ops.local_stack import WORK_POOL, WORKER, Ports, commands
from evergreen.settings import Settings
from evergreen.workspace import Workspace

pytestmark = [
    pytest.mark.faults,
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.xdist_group("requests"),
]
HISTORY: dict[str, Any] = {"source": "sample", "tickers": ["AAPL", "IBM"], "start": "2004-01-02"}
SESSIONS = ("2008-06-30", "2008-07-01", "2008-07-02")
PATIENCE = 900.0


@dataclass
class World:
    """A running stack with a history and its first model."""

    settings: Settings
    variables: dict[str, str]
    ports: Ports

    @property
    def api(self) -> PrefectApi:
        return PrefectApi.at(self.variables)

    @property
    def stack(self) -> Stack:
        return Stack(self.settings.home)

    @property
    def at(self) -> Workspace:
        return Workspace(self.settings)

    def ask(self, cause: str) -> RetrainRequest:
        """A finding's request, its row alone: no event was sent."""
        data = self.versions()[0].data_version
        with writing(self.at.engine) as conn:
            return requests.request(conn, "evergreen", cause, data, SESSIONS[0], {}, datetime.now(UTC))[0]

    def send(self, *requested: RetrainRequest) -> None:
        """Their events, in this order."""
        events = [
            {
                "id": str(uuid4()),
                "occurred": datetime.now(UTC).isoformat(),
                "event": "evergreen.retrain.requested",
                "resource": {"prefect.resource.id": "evergreen.model.evergreen"},
                "payload": {"request_id": one.id, "cause": one.cause},
            }
            for one in requested
        ]
        httpx.post(
            f"{self.variables['PREFECT_API_URL']}/events", json=events, auth=prefect_account(self.variables)
        ).raise_for_status()

    def reconcile(self) -> None:
        """One run of the flow that is scheduled every half hour."""
        started = self.api.start("reconcile/reconcile", {})
        wait_for(lambda: self.api.read(started.id).finished)
        assert self.api.read(started.id).state == "COMPLETED"

    def read(self, request: RetrainRequest) -> RetrainRequest:
        with reading(self.at.engine) as conn:
            return requests.read(conn, request.id)

    def versions(self) -> list[ledger.ModelVersion]:
        with reading(self.at.engine) as conn:
            return ledger.model_versions(conn, "evergreen")

    def kill(self, name: str) -> None:
        """kill -9 of a member and of everything it started."""
        member = next(member for member in self.stack.alive() if member.name == name)
        os.killpg(member.pid, signal.SIGKILL)
        wait_for(lambda: not member.alive)

    def start(self) -> None:
        """Everything but the service, which has no part in this."""
        self.start_server()
        self.api.create_work_pool(WORK_POOL)
        local_stack.deploy(self.variables, self.settings.home / "logs" / "deploy.log")
        registry, health = commands(self.settings, self.ports)[1]
        wait_until_ready(self.stack.start(registry, self.variables), health)
        self.start_worker()

    def start_server(self) -> None:
        command, health = commands(self.settings, self.ports)[0]
        wait_until_ready(self.stack.start(command, self.variables), health)

    def start_worker(self) -> None:
        self.stack.start(WORKER, self.variables)


def wait_for(happened: Callable[[], bool], patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A stack whose leases are short, with one model trained on the event of its backfill."""
    settings = Settings(home=tmp_path_factory.mktemp("requests") / "home", clock="replay", lease_seconds=8)
    ports = Ports(0, 0, 0).chosen()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVERGREEN_LEASE_SECONDS", "8")
        try:
            lived = World(settings, local_stack.environment(settings, ports), ports)
            lived.start()
            lived.api.start("backfill/backfill", HISTORY | {"as_of": SESSIONS[0]})
            wait_for(lambda: _first_is_done(lived))
            yield lived
        finally:
            Stack(settings.home).stop()


def _first_is_done(lived: World) -> bool:
    with reading(lived.at.engine) as conn:
        return [request.state for request in requests.recent(conn, "evergreen")] == ["done"]


def assert_retrained_once(world: World, *findings: RetrainRequest) -> None:
    """Each request is done, with one version of its own and one verdict of the gate on it."""
    for request in map(world.read, findings):
        assert request.state == "done", request.verdict
        versions = [version for version in world.versions() if version.request_id == request.id]
        assert [version.version for version in versions] == [request.version]
        with reading(world.at.engine) as conn:
            judged = [one for one in decisions.of(conn, str(request.version)) if one.kind == "gate"]
        assert len(judged) == 1


def test_events__doubled_and_reordered_start_each_retraining_once(world: World) -> None:
    first, second = world.ask("covariate_shift"), world.ask("loss_of_skill")
    world.send(second, first, second, first)
    wait_for(lambda: {world.read(one).state for one in (first, second)} == {"done"})
    assert_retrained_once(world, first, second)
    with reading(world.at.engine) as conn:
        assert decisions.verify(conn) == []


def test_event_lost_and_server_restarted__reconcile_starts_the_retraining(world: World) -> None:
    lost = world.ask("old_age")
    world.kill("prefect")
    world.start_server()
    world.reconcile()
    wait_for(lambda: world.read(lost).state == "done")
    assert_retrained_once(world, lost)


def test_worker_killed_while_retraining__another_takes_over_and_finishes(world: World) -> None:
    request = world.ask("by hand: a fault")
    world.send(request)
    wait_for(lambda: world.read(request).state == "running")
    running = world.read(request)
    world.kill("worker")
    world.start_worker()
    time.sleep(world.settings.lease_seconds)
    world.reconcile()
    assert world.api.read(str(running.claimed_by)).state == "CRASHED"
    wait_for(lambda: world.read(request).state == "done")
    assert world.read(request).fence > running.fence
    assert_retrained_once(world, request)


def test_request__unknown_one_fails_by_name_and_changes_nothing(world: World) -> None:
    before = world.versions()
    run = world.api.start("retrain/retrain", {"request_id": "0" * 16})
    wait_for(lambda: world.api.read(run.id).finished)
    assert world.api.read(run.id).state == "FAILED"
    assert NotFound.__name__ in world.api.read(run.id).message
    assert world.versions() == before
