"""prefect.yaml holds what a real server accepts, and every entrypoint is a flow that imports."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from evergreen.adapters.prefect_api import PrefectApi
from evergreen.adapters.stack import Stack, wait_until_ready
from evergreen.embedded import WORK_POOL, Ports, commands, deploy, environment
from evergreen.settings import Settings
from evergreen.workspace import REPOSITORY

pytestmark = pytest.mark.xdist_group("server")
DECLARED: list[dict[str, Any]] = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())["deployments"]


@pytest.mark.parametrize("declared", DECLARED, ids=lambda declared: declared["name"])
def test_entrypoint__imports_and_takes_the_declared_parameters(declared: dict[str, Any]) -> None:
    from prefect.flows import load_flow_from_entrypoint

    flow = load_flow_from_entrypoint(str(REPOSITORY / declared["entrypoint"]), use_placeholder_flow=False)
    assert flow.name == declared["name"]
    assert set(declared.get("parameters", {})) <= set(flow.parameters.properties)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Prefect server with everything deployed; gives its API."""
    settings = Settings(home=tmp_path_factory.mktemp("deployed"))
    stack, ports = Stack(settings.home), Ports(0, 0, 0).chosen()
    told = environment(settings, ports)
    command, health = commands(settings, ports)[0]
    try:
        wait_until_ready(stack.start(command, told), health)
        PrefectApi(told["PREFECT_API_URL"]).create_work_pool(WORK_POOL)
        deploy(told, settings.home / "deploy.log")
        yield told["PREFECT_API_URL"]
    finally:
        stack.stop()


@pytest.mark.server
def test_deploy_all__registers_every_deployment(server: str) -> None:
    known = httpx.post(f"{server}/deployments/filter", json={}).json()
    assert {deployment["name"] for deployment in known} == {declared["name"] for declared in DECLARED}


@pytest.mark.server
def test_deploy_all__retraining_and_report_are_started_by_events(server: str) -> None:
    automations = httpx.post(f"{server}/automations/filter", json={}).json()
    given = {one["trigger"]["expect"][0]: one["actions"][0]["parameters"] for one in automations}
    assert given == {
        "evergreen.retrain.requested": {"request_id": "{{ event.payload.request_id }}"},
        "evergreen.drift.found": {"as_of": "{{ event.payload.as_of }}", "version": "{{ event.payload.version }}"},
    }


@pytest.mark.server
def test_deploy_all__schedules_become_runs(server: str) -> None:
    """The server's scheduler works: with SQLAlchemy 2.1 it failed in silence."""
    scheduled = {declared["name"] for declared in DECLARED if "schedules" in declared}
    deadline = time.monotonic() + 90
    found: set[str] = set()
    while found != scheduled and time.monotonic() < deadline:
        runs = httpx.post(
            f"{server}/flow_runs/filter", json={"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
        )
        names = {
            deployment["id"]: deployment["name"]
            for deployment in httpx.post(f"{server}/deployments/filter", json={}).json()
        }
        found = {names[run["deployment_id"]] for run in runs.json()}
        time.sleep(1)
    assert found == scheduled


def test_schedules__keep_the_clock_of_the_exchange() -> None:
    zones = {schedule["timezone"] for declared in DECLARED for schedule in declared.get("schedules", [])}
    assert zones == {"America/New_York"}


def test_repository__names_every_flow_file_in_prefect_yaml() -> None:
    files = {path.stem for path in Path(REPOSITORY / "flows").glob("*.py")} - {"__init__", "clock"}
    assert files == {declared["name"] for declared in DECLARED}
