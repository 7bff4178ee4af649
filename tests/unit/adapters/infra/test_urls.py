"""A machine whose proxy leads nowhere: everything reaches this machine's own servers all the same."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from evergreen.adapters.infra.urls import past_proxies
from evergreen.adapters.infra.webhook import objection
from evergreen.adapters.mlflow.client import connect
from evergreen.errors import BadInput
from evergreen.ops.local_stack import deploy

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@pytest.fixture
def behind_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        for each in (name, name.lower()):
            monkeypatch.setenv(each, "http://127.0.0.1:1")  # nobody listens there
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "inside.example")


class Server(BaseHTTPRequestHandler):
    """Answers whatever it is asked with 400 for MLflow's paths and 200 for the others, and keeps the paths."""

    paths: list[str]

    def do_POST(self) -> None:
        self.paths.append(self.path)
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(400 if "mlflow" in self.path else 200)
        self.end_headers()

    do_GET = do_POST  # noqa: N815 - the name that http.server calls

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """Its address, and the paths it was asked for."""
    Server.paths = []
    with HTTPServer(("127.0.0.1", 0), Server) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}", Server.paths
        listening.shutdown()
        thread.join()


@pytest.mark.usefixtures("behind_a_proxy")
def test_proxy__the_webhook_on_this_machine_is_asked_directly(server: tuple[str, list[str]]) -> None:
    base, paths = server
    assert objection(f"{base}/judge", {}) == ""
    assert paths == ["/judge"]


@pytest.mark.usefixtures("behind_a_proxy")
def test_proxy__mlflow_on_this_machine_is_asked_directly(server: tuple[str, list[str]]) -> None:
    base, paths = server
    with pytest.raises(BadInput):
        connect(base)
    assert paths, "its refusal came from itself"


@pytest.mark.usefixtures("behind_a_proxy")
def test_proxy__deploying_to_a_server_on_this_machine_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environments: list[dict[str, str]] = []

    def run(arguments: list[str], env: dict[str, str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        environments.append(env)
        return subprocess.CompletedProcess(arguments, 0)

    monkeypatch.setattr(subprocess, "run", run)
    deploy({"PREFECT_API_URL": "http://127.0.0.1:4200/api"}, tmp_path / "log")
    assert environments[0]["NO_PROXY"] == environments[0]["no_proxy"] == "inside.example,127.0.0.1,localhost"


@pytest.mark.usefixtures("behind_a_proxy")
def test_past_proxies__again_adds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    first = past_proxies()
    monkeypatch.setenv("NO_PROXY", first["NO_PROXY"])
    assert past_proxies() == first


@pytest.mark.usefixtures("behind_a_proxy")
def test_past_proxies__who_lets_nothing_through_one_goes_on_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    assert past_proxies() == {"NO_PROXY": "*", "no_proxy": "*"}
