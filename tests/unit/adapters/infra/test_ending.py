from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from evergreen.adapters.infra.ending import ENDING, ended_once, held_back
from evergreen.adapters.infra.processes import Command, Stack

# A member with work under way: says that it runs, says that it ends, and takes long to.
SLOW = """
import signal, sys, time

def end(number, frame):
    print("ending", flush=True)
    time.sleep(1.5)
    sys.exit()

signal.signal(signal.SIGTERM, end)
print("running", flush=True)
time.sleep(600)
"""
# A command that starts it, says so, and stops it as `demo --look` does or as `down` does.
STARTS = """
import signal, sys, time
from pathlib import Path
from evergreen.adapters.infra.ending import ended_once
from evergreen.adapters.infra.processes import Command, Stack

stack = Stack(Path(sys.argv[1]))
member = stack.start(Command("slow", ("-c", sys.argv[2])), {})
while "running" not in Path(member.log).read_text():
    time.sleep(0.02)
"""
LOOKS = """
with ended_once():
    try:
        print(flush=True)
        signal.pause()
    finally:
        stack.stop()
"""
DOWN = """
print(flush=True)
stack.stop()
"""


@pytest.mark.parametrize("script", [LOOKS, DOWN], ids=["look", "down"])
@pytest.mark.parametrize("number", ENDING)
def test_signals__that_come_while_a_stack_is_stopped_leave_nothing_running(
    tmp_path: Path, script: str, number: signal.Signals
) -> None:
    command = [sys.executable, "-c", STARTS + script, str(tmp_path), SLOW]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as stopping:
        assert stopping.stdout is not None and stopping.stdout.readline()
        if script is LOOKS:
            stopping.send_signal(signal.SIGTERM)
            stopping.send_signal(number)  # both at once, as a supervisor and a closed terminal send them
        (member,) = Stack(tmp_path).members()
        while "ending" not in Path(member.log).read_text():
            time.sleep(0.02)
        stopping.send_signal(number)
        assert stopping.wait(60) != 0, "a signal counts, afterwards"
    assert not member.alive
    assert Stack(tmp_path).members() == []


def test_start__a_signal_waits_until_what_was_started_is_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = subprocess.Popen

    def interrupted(*arguments: object, **options: object) -> object:
        process = started(*arguments, **options)  # type: ignore[call-overload]
        signal.raise_signal(signal.SIGINT)
        return process

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    stack = Stack(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        stack.start(Command("sleeper", ("-c", "import time; time.sleep(600)")), {})
    assert stack.stop() == ["sleeper"]


def test_ended_once__takes_the_first_signal_and_drops_the_others() -> None:
    before = [signal.getsignal(number) for number in ENDING]
    with pytest.raises(SystemExit) as ended, ended_once():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGHUP)
    assert ended.value.code == 128 + signal.SIGTERM
    assert [signal.getsignal(number) for number in ENDING] == before


def test_ended_once__what_a_job_was_started_to_ignore_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_once(), held_back():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN, "those it starts inherit it"
    finally:
        signal.signal(signal.SIGHUP, before)


def test_held_back__in_another_thread_changes_nothing() -> None:
    handlers: list[object] = []

    def hold() -> None:
        with held_back():
            handlers.extend(signal.getsignal(number) for number in ENDING)

    thread = threading.Thread(target=hold)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(number) for number in ENDING]
