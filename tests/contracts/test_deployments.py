"""prefect.yaml holds what a real server accepts, and every entrypoint is a flow that imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from evergreen.adapters.infra.prefect_api import PrefectApi
from evergreen.adapters.infra.processes import Stack, wait_until_ready
from evergreen.errors import BadSetting
from evergreen.ops.local_stack import WORK_POOL, Ports, commands, deploy, environment
from evergreen.ops.schedules import in_market
from evergreen.ops.work_pools import HOME_IN_IMAGE, IN_IMAGE, adapted, deploy_to, pool_name
from evergreen.settings import MarketSettings, Settings
from evergreen.workspace import REPOSITORY

pytestmark = pytest.mark.xdist_group("server")
DECLARED: list[dict[str, Any]] = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())["deployments"]


@pytest.mark.parametrize("declared", DECLARED, ids=lambda declared: declared["name"])
def test_entrypoint__imports_and_takes_the_declared_parameters(declared: dict[str, Any]) -> None:
    from prefect.flows import load_flow_from_entrypoint

    flow = load_flow_from_entrypoint(str(REPOSITORY / declared["entrypoint"]), use_placeholder_flow=False)
    assert flow.name == declared["name"]
    assert set(declared.get("parameters", {})) <= set(flow.parameters.properties)


SCHEMAS = {
    "backfill": {"start": "date", "as_of": "date"},
    "daily": {"as_of": "date"},
    "canary": {"as_of": "date"},
    "report": {"as_of": "date"},
    "rollback": {"as_of": "date"},
    "replay": {"start": "date", "end": "date", "history": "date"},
    "replay-policies": {"start": "date", "end": "date"},
}


@pytest.mark.parametrize("declared", DECLARED, ids=lambda declared: declared["name"])
def test_schema__describes_every_parameter_and_takes_dates_as_dates(declared: dict[str, Any]) -> None:
    from prefect.flows import load_flow_from_entrypoint

    flow = load_flow_from_entrypoint(str(REPOSITORY / declared["entrypoint"]), use_placeholder_flow=False)
    known = flow.parameters.properties
    assert [name for name, schema in known.items() if not schema.get("description")] == []
    kinds = {name: [schema, *schema.get("anyOf", [])] for name, schema in known.items()}
    dates = {name: "date" for name, shapes in kinds.items() if any(shape.get("format") == "date" for shape in shapes)}
    assert dates == SCHEMAS.get(declared["name"], {})
    if declared["name"] == "rollback":
        assert known["action"]["enum"] == ["cancel", "restore", "promote"]


def test_deployments__each_has_a_description_and_tags() -> None:
    assert all(declared["description"] and "evergreen" in declared["tags"] for declared in DECLARED)


@contextmanager
def bare_server(home: Path) -> Iterator[dict[str, str]]:
    """A real Prefect server on which nothing is; the variables that lead to it."""
    settings = Settings(home=home, server_auth=False)
    stack, ports = Stack(home), Ports(0, 0, 0).chosen()
    variables = environment(settings, ports)
    command, health = commands(settings, ports)[0]
    try:
        wait_until_ready(stack.start(command, variables), health)
        yield variables
    finally:
        stack.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Prefect server with everything deployed; gives its API."""
    home = tmp_path_factory.mktemp("deployed")
    with bare_server(home) as variables:
        PrefectApi(variables["PREFECT_API_URL"]).create_work_pool(WORK_POOL)
        deploy(variables, home / "deploy.log")
        yield variables["PREFECT_API_URL"]


@pytest.mark.server
def test_deploy_all__on_a_bare_server_names_the_pool_that_is_missing(tmp_path: Path) -> None:
    with bare_server(tmp_path / "home") as variables:
        deployed = subprocess.run(
            [sys.executable, "-m", "prefect", "deploy", "--all", "--no-prompt"],
            cwd=REPOSITORY,
            env=os.environ | variables,
            capture_output=True,
            text=True,
            check=False,
        )
    assert deployed.returncode == 1
    assert f"work pool {WORK_POOL!r} which does not" in " ".join((deployed.stdout + deployed.stderr).split())


@pytest.mark.server
def test_deploy_all__registers_every_deployment(server: str) -> None:
    known = httpx.post(f"{server}/deployments/filter", json={}).json()
    assert {deployment["name"] for deployment in known} == {declared["name"] for declared in DECLARED}


@pytest.mark.server
def test_deploy_all__retraining_and_report_are_started_by_events(server: str) -> None:
    automations = httpx.post(f"{server}/automations/filter", json={}).json()
    assert {one["name"] for one in automations} == {"evergreen starts a retraining", "evergreen shows a drift finding"}
    assert all(one["description"] for one in automations)
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
    planned: set[str] = set()
    while planned != scheduled and time.monotonic() < deadline:
        runs = httpx.post(
            f"{server}/flow_runs/filter", json={"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
        )
        names = {
            deployment["id"]: deployment["name"]
            for deployment in httpx.post(f"{server}/deployments/filter", json={}).json()
        }
        planned = {names[run["deployment_id"]] for run in runs.json()}
        time.sleep(1)
    assert planned == scheduled


def evergreen_run(server: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`evergreen run` in a process of its own, from an empty folder."""
    return subprocess.run(
        [sys.executable, "-m", "evergreen", "run", *arguments],
        cwd=folder,
        env=os.environ | {"PREFECT_API_URL": server},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.server
def test_run__finds_the_run_of_its_key_again_and_exits_by_its_outcome(server: str, tmp_path: Path) -> None:
    once, again = (evergreen_run(server, tmp_path, "reconcile", "--key", "night", "--json") for _ in range(2))
    assert (once.returncode, again.returncode) == (0, 0), once.stderr
    asked_for = json.loads(once.stdout)
    assert json.loads(again.stdout)["id"] == asked_for["id"] != ""
    for state, code in {"FAILED": 1, "CANCELLED": 3, "COMPLETED": 0}.items():  # no worker: the test plays its part
        body = {"state": {"type": state, "message": "as it was"}, "force": True}
        httpx.post(f"{server}/flow_runs/{asked_for['id']}/set_state", json=body).raise_for_status()
        ended = evergreen_run(server, tmp_path, "reconcile", "--key", "night", "--wait", "--json")
        assert (ended.returncode, json.loads(ended.stdout)["state"]) == (code, state)


@pytest.mark.server
def test_run__what_the_deployment_does_not_take_is_one_sentence(server: str, tmp_path: Path) -> None:
    for arguments in (("daily", "--param", "sauce=sample"), ("daily", "--param", "tickers=7"), ("nightly",)):
        refused = evergreen_run(server, tmp_path, *arguments)
        assert refused.returncode in (1, 2) and len(refused.stderr.strip().splitlines()) == 1, refused.stderr


def test_schedules__keep_the_clock_of_the_exchange() -> None:
    zones = {schedule["timezone"] for declared in DECLARED for schedule in declared.get("schedules", [])}
    assert zones == {"America/New_York"}


@pytest.mark.parametrize(
    ("exchange", "daily", "canary", "zone"),
    [
        ("XNYS", "45 17 * * 1,2,3,4,5", "45 18 * * 1,2,3,4,5", "America/New_York"),
        ("XLON", "15 18 * * 1,2,3,4,5", "15 19 * * 1,2,3,4,5", "Europe/London"),
        ("XTKS", "15 17 * * 1,2,3,4,5", "15 18 * * 1,2,3,4,5", "Asia/Tokyo"),
        ("XBOM", "15 17 * * 1,2,3,4,5", "15 18 * * 1,2,3,4,5", "Asia/Kolkata"),
        ("24/7", "45 1 * * *", "45 2 * * *", "UTC"),
    ],
)
def test_in_market__schedules_follow_the_close_of_the_exchange(
    exchange: str, daily: str, canary: str, zone: str
) -> None:
    declared = {"deployments": DECLARED}
    moved = {
        deployment["name"]: deployment["schedules"][0]
        for deployment in in_market(declared, MarketSettings(calendar=exchange))["deployments"]
        if "schedules" in deployment
    }
    assert (moved["daily"]["cron"], moved["canary"]["cron"]) == (daily, canary)
    assert moved["reconcile"]["cron"] == "*/30 * * * *"
    assert {schedule["timezone"] for schedule in moved.values()} == {zone}


def test_in_market__a_later_delivery_is_waited_for() -> None:
    moved = in_market({"deployments": DECLARED}, MarketSettings(calendar="XNYS", delivery_delay=8 * 60))
    schedules = {each["name"]: each["schedules"][0]["cron"] for each in moved["deployments"] if "schedules" in each}
    assert schedules["daily"] == "15 1 * * 2,3,4,5,6", "the next morning, Saturday's for Friday"


def test_deployments__leave_source_and_tickers_to_the_market_setting() -> None:
    given = {declared["name"] for declared in DECLARED if "parameters" in declared}
    assert given == {"replay-policies"}, "it walks bars that need not be this market's"


def test_repository__names_every_flow_file_in_prefect_yaml() -> None:
    files = {path.stem for path in Path(REPOSITORY / "flows").glob("*.py")} - {"__init__", "clock", "lineage", "names"}
    assert files == {Path(declared["entrypoint"].partition(":")[0]).stem for declared in DECLARED}


@pytest.mark.server
@pytest.mark.parametrize("kind", ["docker", "kubernetes"])
def test_deploy_to__server_accepts_each_kind_of_work_pool(server: str, tmp_path: Path, kind: str) -> None:
    variables = {"IMAGE": "evergreen:1", "MEMORY": "6Gi", "CPU": "3"}
    pool = deploy_to(kind, {"PREFECT_API_URL": server}, variables, tmp_path / "log")
    try:
        deployed = httpx.post(f"{server}/deployments/filter", json={}).json()
        assert {each["work_pool_name"] for each in deployed} == {pool}
        assert {each["name"] for each in deployed} == {declared["name"] for declared in DECLARED}
        retrain = next(each for each in deployed if each["name"] == "retrain")
        assert retrain["job_variables"]["image"] == "evergreen:1"
        assert retrain["job_variables"]["env"]["EVERGREEN_HOME"] == HOME_IN_IMAGE
        assert retrain["pull_steps"] == [{"prefect.deployments.steps.set_working_directory": {"directory": IN_IMAGE}}]
        assert retrain["concurrency_limit"] == 1 or retrain["global_concurrency_limit"]["limit"] == 1
    finally:
        deploy_to("process", {"PREFECT_API_URL": server}, {}, tmp_path / "log")


@pytest.mark.server
def test_deploy_to__kubernetes_jobs_have_limits_and_the_shared_home(server: str, tmp_path: Path) -> None:
    deploy_to("kubernetes", {"PREFECT_API_URL": server}, {"IMAGE": "evergreen:1"}, tmp_path / "log")
    deploy_to("process", {"PREFECT_API_URL": server}, {}, tmp_path / "log")
    template = httpx.get(f"{server}/work_pools/{pool_name('kubernetes')}").json()["base_job_template"]
    pod = template["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["volumeMounts"] == [{"name": "home", "mountPath": HOME_IN_IMAGE}]
    assert pod["containers"][0]["resources"]["limits"]["memory"] == "{{ memory_limit }}"
    assert {"cpu_limit", "memory_limit", "namespace"} <= set(template["variables"]["properties"])


def test_adapted__code_comes_from_git_where_it_is_asked_for() -> None:
    declared = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())
    variables = {"IMAGE": "evergreen:1", "GIT_URL": "https://example.org/evergreen.git", "GIT_REVISION": "v1"}
    clone, install = adapted(declared, "docker", variables)["pull"]
    assert clone["prefect.deployments.steps.git_clone"]["branch"] == "v1"
    assert "--no-deps" in install["prefect.deployments.steps.run_shell_script"]["script"]
    assert adapted(declared, "process", variables) == declared


@pytest.mark.parametrize(
    ("kind", "sentence"), [("docker", "IMAGE names none"), ("slurm", "no work pool of kind 'slurm'")]
)
def test_adapted__what_cannot_be_deployed_is_said(kind: str, sentence: str) -> None:
    with pytest.raises(BadSetting, match=sentence):
        adapted({"deployments": []}, kind, {})


def test_kubernetes__a_password_in_a_url_is_left_to_the_secret() -> None:
    variables = {"IMAGE": "evergreen", "EVERGREEN_DATABASE_URL": "postgresql://me:word@host/evergreen"}
    variables |= {"EVERGREEN_MLFLOW_URI": "http://mlflow:5000"}
    declared = {"deployments": [{"name": "daily"}]}
    env = {kind: _pool(adapted(declared, kind, variables))["env"] for kind in ("docker", "kubernetes")}
    assert "EVERGREEN_DATABASE_URL" not in env["kubernetes"] and "EVERGREEN_MLFLOW_URI" in env["kubernetes"]
    assert env["docker"]["EVERGREEN_DATABASE_URL"] == variables["EVERGREEN_DATABASE_URL"], "it has no other place"


def _pool(declared: dict[str, Any]) -> dict[str, Any]:
    job: dict[str, Any] = declared["deployments"][0]["work_pool"]["job_variables"]
    return job
