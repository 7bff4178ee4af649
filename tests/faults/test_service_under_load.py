"""Under load, whatever happens to process, disk and database: no acknowledged forecast is missing, none answered twice,
and the service comes back without a hand."""

from __future__ import annotations

import errno
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from evergreen.adapters.database import prediction_chain, predictions, reading, writing
from tests.service.test_serve import free_port, process
from tests.service.world import World, ready_world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PATIENCE = 120.0  # seconds on a busy machine


@dataclass
class Load:
    """Clients that ask again and again: ids of what was answered, sentences of what was refused."""

    base: str
    answered: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self, name: str) -> None:
        while not self.stop.is_set():
            with httpx.Client(base_url=self.base, headers={"X-Client-Id": name}, timeout=60) as client:
                try:
                    while not self.stop.is_set():
                        self.note(client.get("/v1/predictions/AAPL"))
                except httpx.TransportError:
                    time.sleep(0.05)  # nobody is there for a moment

    def note(self, answer: httpx.Response) -> None:
        if answer.status_code == 200:
            self.answered.append(answer.json()["id"])
        elif answer.status_code == 503:
            self.refused.append(answer.json()["error"])
            time.sleep(0.05)
        else:
            self.strange.append(f"{answer.status_code} {answer.text}")

    def goes_on(self) -> None:
        """Wait until fifty more were answered."""
        target = len(self.answered) + 50
        wait_for(lambda: len(self.answered) >= target)


@contextmanager
def loaded(base: str) -> Iterator[Load]:
    load = Load(base)
    threads = [threading.Thread(target=load.run, args=(f"client {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        load.goes_on()
        yield load
    finally:
        load.stop.set()
        for thread in threads:
            thread.join()


def wait_for(fine: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not fine():
        assert time.monotonic() < ends, "what was waited for never came"
        time.sleep(0.02)


def assert_nothing_lost(world: World, load: Load) -> None:
    assert load.strange == []
    assert len(set(load.answered)) == len(load.answered), "none was answered twice"
    with reading(world.engine) as conn:
        for each in load.answered:
            predictions.find(conn, each)
        assert prediction_chain.verify(conn) == []


def test_kill_9__three_times_under_load_loses_nothing(tmp_path: Path) -> None:
    world, port = ready_world(tmp_path), free_port()
    with process(world, port=port) as (running, base), loaded(base) as load:
        running.kill()
        running.wait()
        for _ in range(2):
            with process(world, port=port) as (again, _):
                load.goes_on()
                again.kill()
        with process(world, port=port):
            load.goes_on()
            load.stop.set()
    assert_nothing_lost(world, load)


def test_sigstop__of_three_seconds_under_load_loses_nothing(tmp_path: Path) -> None:
    world = ready_world(tmp_path)
    with process(world) as (running, base), loaded(base) as load:
        running.send_signal(signal.SIGSTOP)
        time.sleep(3)
        running.send_signal(signal.SIGCONT)
        load.goes_on()
    assert_nothing_lost(world, load)


def test_locked_database__under_load_is_told_in_a_sentence_and_loses_nothing(tmp_path: Path) -> None:
    world = ready_world(tmp_path)
    with process(world) as (_, base), loaded(base) as load:
        with writing(world.engine):
            wait_for(lambda: len(load.refused) >= 8)
            ready = httpx.get(f"{base}/readyz", timeout=60)
            assert ready.status_code == 503 and "another program holds it" in ready.text
        load.goes_on()
        assert httpx.get(f"{base}/readyz", timeout=60).status_code == 200
    assert all("another program holds it" in sentence for sentence in load.refused)
    assert_nothing_lost(world, load)


def test_size_limit__on_files_under_load_is_told_in_a_sentence_and_loses_nothing(tmp_path: Path) -> None:
    if shutil.which("prlimit") is None:
        pytest.skip("prlimit is not installed")
    world = ready_world(tmp_path)
    with process(world, "prlimit", "--fsize=3500000:unlimited") as (running, base), loaded(base) as load:
        wait_for(lambda: bool(load.refused))
        subprocess.run(["prlimit", "--pid", str(running.pid), "--fsize=unlimited:unlimited"], check=True)
        load.goes_on()
    assert "the disk under" in load.refused[0]
    assert_nothing_lost(world, load)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_full_disk__under_load_is_told_in_a_sentence_and_loses_nothing(small_disk: Path) -> None:
    world, ballast = ready_world(small_disk / "home"), small_disk / "ballast"
    with process(world) as (_, base), loaded(base) as load:
        fill(ballast)
        wait_for(lambda: bool(load.refused))
        ballast.unlink()
        load.goes_on()
    assert "the disk under" in load.refused[0]
    assert_nothing_lost(world, load)


def fill(file: Path) -> None:
    """Write until there is no space left."""
    with file.open("wb", buffering=0) as written:
        try:
            while True:
                written.write(bytes(65_536))
        except OSError as error:
            assert error.errno == errno.ENOSPC
