from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from evergreen.adapters.database import predictions, reading
from evergreen.errors import BadSetting, PortInUse
from evergreen.service.app import bind, serve
from evergreen.settings import Settings, load_settings
from tests.service.world import World, ready_world

SERVE = """
import sys
from pathlib import Path
from evergreen.service import app
from tests.service.world import WorldStore
from evergreen.settings import Settings
home, port = Path(sys.argv[1]), int(sys.argv[2])
settings = Settings(home=home, clock="replay", service_port=port, refresh_seconds=0.02)
app.DiskStore = WorldStore
app.serve(settings)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(world: World, *before: str, port: int = 0) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The service in a process of its own, started through the command `before`; process and address."""
    port = port or free_port()
    command = [*before, sys.executable, "-c", SERVE, str(world.settings.home), str(port)]
    paths = {"PYTHONPATH": os.pathsep.join(["src", "."])}
    running = subprocess.Popen(command, env=os.environ | paths, stderr=subprocess.PIPE)
    try:
        wait_for(f"http://127.0.0.1:{port}/readyz", running)
        yield running, f"http://127.0.0.1:{port}"
    finally:
        running.kill()
        running.wait()


def wait_for(url: str, running: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert running.poll() is None, running.stderr and running.stderr.read().decode()
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"{url} never became ready")


def load(base: str, answers: list[str], count: int = 10_000) -> list[threading.Thread]:
    def one(name: str) -> None:
        with httpx.Client(base_url=base, headers={"X-Client-Id": name}) as client:
            for _ in range(count):
                try:
                    answer = client.get("/v1/predictions/AAPL")
                except httpx.TransportError:
                    return
                assert answer.status_code == 200, answer.text
                answers.append(answer.json()["id"])

    threads = [threading.Thread(target=one, args=(f"client {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    return threads


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_serve__no_answered_prediction_is_missing_from_the_log(tmp_path: Path, how: signal.Signals) -> None:
    world, answers = ready_world(tmp_path), []
    with process(world) as (running, base):
        threads = load(base, answers)
        while len(answers) <= 20:
            time.sleep(0.02)
        running.send_signal(how)
        running.wait(timeout=20)
        for thread in threads:
            thread.join()
    with reading(world.engine) as conn:
        for each in answers:
            predictions.find(conn, each)


def test_serve__a_port_in_use_is_one_sentence() -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=rf"Port {port} .* in use"):
            serve(Settings(service_port=port))


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "192.0.2.1", "8.8.8.8"])
def test_serve__refuses_every_address_but_loopback(host: str) -> None:
    with pytest.raises(BadSetting, match=r"reachable from other machines|not an address"):
        serve(Settings(service_host=host, service_port=0))


@pytest.mark.parametrize("port", [-1, 70_000])
def test_serve__an_impossible_port_is_refused_where_settings_are_read(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERGREEN_SERVICE_PORT", str(port))
    with pytest.raises(BadSetting, match=r"'service_port': .* Mend EVERGREEN_SERVICE_PORT\."):
        load_settings(tmp_path / "none.toml")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_bind__takes_a_free_port_on_loopback(host: str) -> None:
    with bind(host, 0) as listener:
        assert listener.getsockname()[1] > 0


def test_import__brings_in_nothing_heavy() -> None:
    heavy = ["prefect", "great_expectations", "whylogs", "papermill", "mlflow", "feast", "dvc", "matplotlib"]
    code = (
        f"import sys, evergreen.service.app, evergreen.adapters.feast; print([m for m in {heavy} if m in sys.modules])"
    )
    paths = {"PYTHONPATH": "src"}
    child = subprocess.run([sys.executable, "-c", code], env=os.environ | paths, capture_output=True, text=True)
    assert child.stdout.strip() == "[]", child.stderr
