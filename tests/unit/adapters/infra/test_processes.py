from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from evergreen.adapters.infra.processes import Command, Member, Stack, start_of
from evergreen.adapters.infra.urls import trusts_proxy
from evergreen.errors import Broken, Conflict

SLEEPS = Command("sleeper", ("-c", "import time; time.sleep(600)"))


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path / "home")
    yield stack
    stack.stop()


def test_member__is_known_again_after_the_wall_clock_was_set(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.start(SLEEPS, {})
    create_time = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: create_time(process) + 3_600)
    assert [member.name for member in stack.alive()] == ["sleeper"]
    assert stack.stop() == ["sleeper"], "nothing is orphaned"


def test_member__another_process_of_its_pid_is_not_it(stack: Stack) -> None:
    member = stack.start(SLEEPS, {})
    assert not Member("sleeper", member.pid, "1 of another boot", "", "").alive
    assert start_of(member.pid) == member.started


def test_member__recorded_by_an_older_version_is_found_and_stopped(stack: Stack) -> None:
    member = stack.start(SLEEPS, {})
    values = {"name": "sleeper", "pid": member.pid, "url": "", "log": ""}
    old = [values | {"created": psutil.Process(member.pid).create_time()}, values | {"created": 1.0}]
    stack.record.write_text(json.dumps(old))
    assert [each.alive for each in stack.members()] == [True, False]


def test_only_starter__a_second_one_is_told_and_so_is_one_that_comes_after(stack: Stack) -> None:
    holder = (
        "import sys, time; from pathlib import Path; from evergreen.adapters.infra.processes import Stack\n"
        "with Stack(Path(sys.argv[1])).only_starter(): print('held', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", holder, str(stack.home)], stdout=subprocess.PIPE) as first:
        assert first.stdout is not None and first.stdout.readline()
        with pytest.raises(Conflict, match="Another process is starting the stack"), stack.only_starter():
            pass
        first.kill()
    with stack.only_starter():  # a kill lets go of it
        stack.start(SLEEPS, {})
    with pytest.raises(Conflict, match="1 processes run already"), stack.only_starter():
        pass


@pytest.mark.parametrize("text", ["", "[", "5", "[5]", '[{"pid": 1}]', '[{"created": 1.0}]', "[" * 100_000])
def test_members__of_a_damaged_record_are_not_guessed(stack: Stack, text: str) -> None:
    stack.home.mkdir()
    stack.record.write_text(text)
    with pytest.raises(Broken, match=r"stack.json is damaged"):
        stack.stop()
    stack.record.unlink()


def test_start_of__nobody_is_no_process() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    with pytest.raises(psutil.NoSuchProcess):
        start_of(gone.pid)


@pytest.mark.parametrize(
    ("url", "trusts"),
    [("http://127.0.0.1:4200/api", False), ("http://localhost:1", False), ("http://[::1]:1", False),
     ("http://127.0.0.1.evil.example", True), ("https://prefect.example/api", True)],
)  # fmt: skip
def test_trusts_proxy__loopback_is_reached_directly(url: str, trusts: bool) -> None:
    assert trusts_proxy(url) is trusts
