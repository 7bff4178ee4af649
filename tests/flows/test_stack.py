"""A whole stack: real server, worker, MLflow and service; the automation starts the retraining."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from evergreen.adapters.database import decisions, ledger, reading, requests
from evergreen.adapters.infra.accounts import account_of, prefect_account
from evergreen.adapters.infra.prefect_api import PrefectApi
from evergreen.adapters.infra.processes import Stack
from evergreen.audit.history import give_account
from evergreen.ops import first_hour, local_stack
from evergreen.ops.known_server import prefect_server
from evergreen.ops.local_stack import Ports
from evergreen.settings import Settings
from evergreen.workspace import Workspace
from tests.test_documented_blocks import blocks

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(1300), pytest.mark.xdist_group("stack")]
WALK: dict[str, Any] = {
    "source": "sample",
    "tickers": ["AAPL", "IBM", "MSFT"],
    "start": "2008-07-01",
    "end": "2008-07-08",
    "history": "2003-01-02",
    "clients": 3,
}
SESSIONS = 5
PATIENCE = 600  # seconds; a busy machine walks slowly


def walk(settings: Settings, interrupt_after: int | None = None, market: dict[str, Any] = WALK) -> PrefectApi:
    """Start a stack and let it walk; the stack is left running, or killed after so many sessions."""
    variables = local_stack.start(settings, Ports(0, 0, 0), print)
    return walk_on(PrefectApi.at(variables), settings, interrupt_after, market)


def walk_on(
    api: PrefectApi, settings: Settings, interrupt_after: int | None = None, market: dict[str, Any] = WALK
) -> PrefectApi:
    """Let a running stack walk."""
    run = api.start("replay/replay", market)
    deadline = time.monotonic() + PATIENCE
    while not (run := api.read(run.id)).finished and time.monotonic() < deadline:
        if interrupt_after is not None and _walked(settings) >= interrupt_after:
            kill(Stack(settings.home))
            return api
        time.sleep(0.3)
    assert run.state == "COMPLETED", run.message
    return api


def typed(settings: Settings, *words: str) -> str:
    """What `evergreen WORDS` prints when a person types it, on these settings."""
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("EVERGREEN_", "PREFECT_"))}
    command = [sys.executable, "-m", "evergreen", *words]
    run = subprocess.run(command, env=alone | settings.variables(), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def account(settings: Settings) -> tuple[str, str] | None:
    """What the stack's Prefect server asks for."""
    return prefect_account(account_of(settings.home))


def kill(stack: Stack) -> None:
    """kill -9 of everything the stack started, all at once."""
    leaders = [psutil.Process(member.pid) for member in stack.alive()]
    tree = [process for leader in leaders for process in (leader, *leader.children(recursive=True))]
    for process in tree:
        with suppress(psutil.NoSuchProcess):  # the service's model processes end with it
            process.kill()
    psutil.wait_procs(tree, timeout=10)


def _walked(settings: Settings) -> int:
    at = Workspace(settings)
    with reading(at.engine) as conn:
        return len(ledger.sessions(conn, settings.model_name)) - 1


def comparable_account(settings: Settings) -> dict[str, Any]:
    """The account without what differs between two runs of the same: MLflow's run ids."""
    account = give_account(Workspace(settings).engine, settings.model_name)
    account["champion"].pop("run_id")
    return account


@dataclass(frozen=True)
class Walked:
    """A walk that came to its end, what it told then, and the server that still runs."""

    settings: Settings
    api: PrefectApi
    account: dict[str, Any]
    up: str


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walked]:
    """A walk without incident, in a home whose name has spaces and letters outside ASCII."""
    home = tmp_path_factory.mktemp("stack") / "Jürgen Łoś 株" / "home"
    settings = Settings(home=home, clock="replay", refresh_seconds=0.05)
    try:
        up = typed(settings, "up", "--prefect-port", "0", "--mlflow-port", "0", "--service-port", "0")
        api = walk_on(PrefectApi.at(prefect_server(settings)), settings)
        yield Walked(settings, api, comparable_account(settings), up)
    finally:
        Stack(settings.home).stop()


def test_up__typed_introduces_each_part_with_its_address_and_says_what_comes_next(undisturbed: Walked) -> None:
    members = {member.name: member.url for member in Stack(undisturbed.settings.home).alive()}
    assert members.keys() == local_stack.ROLES.keys()
    lines = undisturbed.up.splitlines()
    for name, role in local_stack.ROLES.items():
        assert any(re.fullmatch(rf"{name} +{members[name]} +{re.escape(role)}", line) for line in lines), lines
    assert lines[0] == first_hour.UP and lines[-1] == first_hour.AFTER_UP
    links = [line.split()[-1] for line in lines if "opens in a browser" in line]
    assert [httpx.get(link, follow_redirects=True).status_code for link in links] == [200, 200]


def test_stack__event_triggered_retraining_completes(undisturbed: Walked) -> None:
    settings, api = undisturbed.settings, undisturbed.api
    with reading(Workspace(settings).engine) as conn:
        requested = requests.recent(conn, settings.model_name)
    assert [request.state for request in requested] == ["done"]
    run = httpx.get(f"{api.url}/flow_runs/{requested[0].claimed_by}", auth=account(settings)).json()
    assert run["state"]["type"] == "COMPLETED"
    assert run["created_by"]["type"] == "AUTOMATION"


def test_stack__every_session_was_walked_and_every_client_answered(undisturbed: Walked) -> None:
    account = undisturbed.account
    assert account["sessions"] == {"count": SESSIONS, "first": "2008-07-01", "last": "2008-07-08"}
    assert account["predictions"] == SESSIONS * WALK["clients"] * len(WALK["tickers"])


def test_stack__service_answers_from_the_champion(undisturbed: Walked) -> None:
    settings = undisturbed.settings
    service = next(member for member in Stack(settings.home).alive() if member.name == "service")
    answer = httpx.get(f"{service.url}/v1/predictions/AAPL", headers={"X-Client-Id": "me"}).json()
    assert answer["as_of"] == WALK["end"]
    assert answer["model"] == undisturbed.account["champion"]["version"]
    assert answer["lower"] < answer["price"] < answer["upper"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_tutorial__its_first_forecast_is_asked_for_explained_and_computed_again(undisturbed: Walked) -> None:
    settings = undisturbed.settings
    service = next(member for member in Stack(settings.home).alive() if member.name == "service")
    curl, then = blocks("docs/tutorial.md", "console")[-2:]
    words = curl.removeprefix("$ ").replace("http://127.0.0.1:8780", service.url).replace("TICKER", "AAPL")
    answer = json.loads(subprocess.run(shlex.split(words), capture_output=True, text=True, check=True).stdout)
    assert {"price", "lower", "upper", "model", "id"} <= answer.keys()
    explained, reproduced = (
        typed(settings, *shlex.split(line.removeprefix("$ evergreen ").replace("ID", answer["id"])))
        for line in then.splitlines()
    )
    assert [word for word in ("model", "data version", "commit", "decision") if word not in explained] == []
    assert "reproduced to the bit" in reproduced


def test_stack__flows_leave_artifacts(undisturbed: Walked) -> None:
    artifacts = httpx.post(
        f"{undisturbed.api.url}/artifacts/latest/filter", json={}, auth=account(undisturbed.settings)
    ).json()
    assert {"session", "gate", "reconcile", "drift", "replay", "training"} <= {
        artifact["key"] for artifact in artifacts
    }


def test_down__typed_stops_what_up_started_and_nothing_is_left(undisturbed: Walked) -> None:
    settings = undisturbed.settings
    parts = [psutil.Process(member.pid) for member in Stack(settings.home).alive()]
    stopped = typed(settings, "down")
    assert set(stopped.strip().removeprefix("stopped ").split(", ")) == local_stack.ROLES.keys()
    assert not any(part.is_running() for part in parts) and Stack(settings.home).members() == []
    assert typed(settings, "down") == "nothing was running\n"


def test_stack__killed_half_way_and_started_again_ends_in_the_same_state(undisturbed: Walked, tmp_path: Path) -> None:
    Stack(undisturbed.settings.home).stop()  # where this test runs alone
    settings = Settings(home=tmp_path / "home", clock="replay", refresh_seconds=0.05)
    try:
        walk(settings, interrupt_after=2)
        assert not Stack(settings.home).alive()
        walk(settings)
        assert comparable_account(settings) == undisturbed.account
        with reading(Workspace(settings).engine) as conn:
            assert decisions.verify(conn) == []
    finally:
        Stack(settings.home).stop()
