"""What a page open in the user's browser can do to the servers that `evergreen up` starts: real ones, attacked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from evergreen.adapters.infra.accounts import OWN, account_of, make_account, mlflow_account, prefect_account
from evergreen.adapters.infra.prefect_api import PrefectApi
from evergreen.adapters.infra.processes import Stack, wait_until_ready
from evergreen.ops.known_server import prefect_server
from evergreen.ops.local_stack import WORK_POOL, Ports, commands, environment, links
from evergreen.settings import Settings
from tests.browser import Browser

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("guarded")]
EVIL = "http://evil.example"
COMMAND = {"prefect.deployments.steps.run_shell_script": {"script": "touch /tmp/owned"}}
JSON, FORM = {"content-type": "application/json"}, {"content-type": "text/plain"}


@dataclass(frozen=True)
class Servers:
    """Prefect and MLflow as `evergreen up` starts them."""

    settings: Settings
    variables: dict[str, str]

    @property
    def prefect(self) -> str:
        return self.variables["PREFECT_API_URL"]

    @property
    def mlflow(self) -> str:
        return self.variables["EVERGREEN_MLFLOW_URI"]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    settings = Settings(home=tmp_path_factory.mktemp("guarded") / "home")
    stack, ports = Stack(settings.home), Ports(0, 0, 0).chosen()
    variables = environment(settings, ports)
    try:
        started = [(stack.start(command, variables), health) for command, health in commands(settings, ports)[:2]]
        for member, health in started:
            wait_until_ready(member, health, 400)
        yield Servers(settings, variables)
    finally:
        stack.stop()


@pytest.mark.parametrize("headers", [{}, {"origin": EVIL}, {"origin": EVIL} | FORM, {"origin": "null"} | FORM])
def test_prefect__a_strangers_page_makes_no_deployment_and_reads_nothing(
    servers: Servers, headers: dict[str, str]
) -> None:
    attacks: list[tuple[str, str, Any]] = [
        ("POST", "/flows/", {"name": "owned"}),
        ("POST", "/deployments/", {"name": "owned", "pull_steps": [COMMAND]}),
        ("POST", "/flow_runs/", {"flow_id": "0", "deployment_id": "0"}),
        ("POST", "/deployments/filter", {}),
        ("POST", "/block_documents/filter", {"include_secrets": True}),
        ("POST", "/variables/", {"name": "owned", "value": 1}),
        ("GET", "/admin/settings", None),
        ("POST", "/admin/database/clear", {"confirm": True}),
    ]
    for method, path, body in attacks:
        answer = httpx.request(method, servers.prefect + path, json=body, headers=headers)
        assert answer.status_code == 401, path
        assert answer.headers.get("access-control-allow-origin") not in ("*", EVIL, "null"), path


@pytest.mark.parametrize("host", ["evil.example", "evil.example:4200", "127.0.0.1.evil.example"])
def test_servers__called_by_a_name_made_to_point_here_answer_nothing(servers: Servers, host: str) -> None:
    prefect, mlflow = (pair(servers.variables) for pair in (prefect_account, mlflow_account))
    for url, account in (
        (f"{servers.prefect}/admin/version", prefect),
        (servers.prefect.removesuffix("/api") + "/", prefect),
        (f"{servers.mlflow}/", mlflow),
        (f"{servers.mlflow}/api/2.0/mlflow/experiments/search?max_results=1", mlflow),
    ):
        assert httpx.get(url, headers={"host": host}, auth=account).status_code in (400, 403), url


def test_preflight__is_refused_to_a_strangers_page(servers: Servers) -> None:
    ask = {"origin": EVIL, "access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    for url in (f"{servers.prefect}/flows/", f"{servers.mlflow}/api/2.0/mlflow/experiments/create"):
        answer = httpx.options(url, headers=ask)
        assert answer.headers.get("access-control-allow-origin") not in ("*", EVIL)


@pytest.mark.parametrize("headers", [JSON, {"origin": EVIL} | JSON, {"origin": EVIL} | FORM])
def test_mlflow__a_strangers_page_changes_nothing(servers: Servers, headers: dict[str, str]) -> None:
    for path, body in (
        ("experiments/create", '{"name": "owned"}'),
        ("registered-models/create", '{"name": "owned"}'),
        ("registered-models/alias", '{"name": "evergreen", "alias": "champion", "version": "1"}'),
        ("users/create", '{"username": "owned", "password": "owned-owned-owned"}'),
    ):
        answer = httpx.post(f"{servers.mlflow}/api/2.0/mlflow/{path}", content=body, headers=headers)
        assert answer.status_code in (401, 403), path


def test_account__is_the_owners_alone_and_lets_worker_flows_and_commands_in(servers: Servers) -> None:
    file = servers.settings.home / OWN
    assert file.stat().st_mode & 0o077 == 0
    assert servers.variables.items() >= account_of(servers.settings.home).items()
    PrefectApi.at(servers.variables).create_work_pool(WORK_POOL)
    server = prefect_server(servers.settings)
    assert server["PREFECT_API_URL"] == servers.prefect
    assert PrefectApi.at(server).crash_unfinished() == []
    search = f"{servers.mlflow}/api/2.0/mlflow/experiments/search?max_results=5"
    assert httpx.get(search, auth=mlflow_account(servers.variables), timeout=60).status_code == 200


def test_account__goes_to_the_stacks_own_server_only(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://somebody.example/api")
    assert prefect_server(servers.settings) == {"PREFECT_API_URL": "http://somebody.example/api"}


@pytest.mark.parametrize("server", ["prefect", "mlflow"])
def test_links__let_a_browser_in_and_keep_the_account_out_of_requests(servers: Servers, server: str) -> None:
    page, _, account = links(servers.settings, servers.variables)[server].partition("#")
    assert account == servers.variables["PREFECT_API_AUTH_STRING"] and "@" not in page
    answer = httpx.get(page)
    assert answer.status_code == 200 and account not in answer.text
    assert "script-src 'sha256-" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def test_mlflow__its_pages_stay_shut_to_who_was_not_let_in(servers: Servers) -> None:
    assert httpx.get(servers.mlflow + "/").status_code == 401
    assert httpx.post(servers.mlflow + "/let-in").status_code == 401


@pytest.mark.parametrize(
    ("server", "seen"), [("prefect", "flow to get started"), ("mlflow", r"Recent Experiments[\s\S]+Default")]
)
def test_links__opened_in_a_browser_show_what_the_server_keeps(
    servers: Servers, browser: Browser, server: str, seen: str
) -> None:
    browser.open(links(servers.settings, servers.variables)[server])
    assert browser.comes_to_show(seen), browser.value("document.body.innerText")
    assert "/let-in" not in browser.value("location.href")
    assert {urlsplit(url).hostname for url in browser.requested} <= {"127.0.0.1", None}


def test_prefect__its_pages_may_ask_nobody_else(servers: Servers) -> None:
    page = servers.prefect.removesuffix("/api") + "/"
    assert httpx.get(page, follow_redirects=True).headers["content-security-policy"] == "connect-src 'self'"


def test_account__made_twice_is_the_first(tmp_path: Path) -> None:
    make_account(tmp_path)
    first = (tmp_path / OWN).read_text()
    make_account(tmp_path)
    assert (tmp_path / OWN).read_text() == first and len(first) > 32
