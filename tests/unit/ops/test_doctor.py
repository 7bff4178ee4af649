"""What `evergreen doctor` says of a team's places."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from evergreen.adapters.infra.processes import Command, Stack
from evergreen.ops.doctor import Check, examine
from evergreen.settings import Settings
from evergreen.workspace import REPOSITORY
from tests.test_cli import run


def checks_of(settings: Settings) -> dict[str, Check]:
    return {check.name: check for check in examine(settings)}


def test_examine__a_silent_server_is_named_without_its_password(tmp_path: Path) -> None:
    checks = checks_of(
        Settings(
            home=tmp_path,
            database_url="postgresql://u:secret@127.0.0.1:9/evergreen",
            feature_registry="postgresql://u:secret@127.0.0.1:9/features",
            online_store="redis://:secret@127.0.0.1:9/0",
        )
    )
    for name in ("database", "registry", "online"):
        assert not checks[name].sound
        assert "127.0.0.1:9" in checks[name].sentence and "did not answer" in checks[name].sentence
        assert "secret" not in checks[name].sentence
    assert checks["home"].sound


def test_examine__a_bucket_that_cannot_be_reached_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("dvc_s3", "boto3"):
        monkeypatch.setitem(sys.modules, module, None)
    buckets = Settings(home=tmp_path, dvc_remote="s3://bucket/evergreen", mlflow_artifacts="s3://bucket/mlflow")
    for name, module in (("snapshots", "dvc_s3"), ("artifacts", "boto3")):
        check = checks_of(buckets)[name]
        assert not check.sound
        assert f"without {module}. Type `pip install '.[s3]'` in the checkout" in check.sentence
    assert (
        "pip install 'dvc-gs'"
        in checks_of(Settings(home=tmp_path, dvc_remote="gs://bucket/evergreen"))["snapshots"].sentence
    )


def test_examine__asks_the_service_at_the_port_it_was_started_on(tmp_path: Path) -> None:
    settings, stack = Settings(home=tmp_path, service_port=1), Stack(tmp_path)
    stack.start(Command("service", ("-c", "import time; time.sleep(600)"), "http://127.0.0.1:2"), {})
    try:
        assert "http://127.0.0.1:2/readyz did not answer" in checks_of(settings)["service"].sentence
    finally:
        stack.stop()
    assert "http://127.0.0.1:1/readyz did not answer" in checks_of(settings)["service"].sentence


def test_examine__on_a_server_of_ones_own_nobody_is_told_to_start_the_embedded_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    checks = checks_of(Settings(home=tmp_path, service_port=1))
    assert "PREFECT_API_URL" in checks["prefect"].sentence and "evergreen serve" in checks["service"].sentence
    assert not any("evergreen up" in check.sentence for check in checks.values())


@pytest.fixture
def old_mlflow() -> Iterator[str]:
    """A server that says it is MLflow 1.0."""
    yield from answering(200)


@pytest.fixture
def guarded_mlflow() -> Iterator[str]:
    """A server that asks for an account."""
    yield from answering(401)


def answering(status: int) -> Iterator[str]:
    """A server that answers alike whatever it is asked, its version 1.0."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"1.0.0" if self.path == "/version" else json.dumps({}).encode())

        def log_message(self, format: str, *arguments: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_examine__a_server_of_another_version_is_named_with_what_to_type(tmp_path: Path, old_mlflow: str) -> None:
    check = checks_of(Settings(home=tmp_path, mlflow_uri=old_mlflow))["mlflow"]
    assert not check.sound
    assert "runs MLflow 1.0.0, this process 3." in check.sentence and "pip install mlflow==3." in check.sentence


def test_doctor__of_a_server_that_asks_for_an_account_prints_what_the_page_shows(
    tmp_path: Path, guarded_mlflow: str
) -> None:
    page = (REPOSITORY / "docs" / "team.md").read_text()
    (shown,) = [line for line in page.splitlines() if line.startswith("WRONG  mlflow")]
    printed = run("doctor", cwd=tmp_path, EVERGREEN_MLFLOW_URI=guarded_mlflow).stdout
    assert shown.replace("http://mlflow.example.org:5000", guarded_mlflow) in printed.splitlines()
