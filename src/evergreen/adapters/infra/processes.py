"""The processes of an embedded stack: started, recorded, found again and stopped, exactly those."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from evergreen.adapters.infra.ending import held_back
from evergreen.adapters.infra.urls import trusts_proxy
from evergreen.errors import Broken, Conflict, PortInUse, Unavailable

LOOPBACK = "127.0.0.1"
BOOT = Path("/proc/sys/kernel/random/boot_id")
START_FIELD = 19  # of what follows the name in /proc/PID/stat; proc(5) calls it 22, starttime


@dataclass(frozen=True)
class Member:
    """One process of the stack. `started` tells it from another that was given its pid later."""

    name: str
    pid: int
    started: str
    url: str
    log: str

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        try:
            return start_of(self.pid) == self.started and psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


def start_of(pid: int) -> str:
    """When a process began, in words that no change of the wall's clock touches: ticks since which boot.

    Raises:
        psutil.NoSuchProcess: there is none.
    """
    try:
        ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[START_FIELD]
        return f"{ticks} of {BOOT.read_text().strip()}"
    except (FileNotFoundError, ProcessLookupError):
        if BOOT.exists():
            raise psutil.NoSuchProcess(pid) from None
        return f"{psutil.Process(pid).create_time():.2f}"  # not Linux, whose kernel tells no ticks


@dataclass(frozen=True)
class Command:
    """How to start one member and where it says that it is ready (empty: it has no port)."""

    name: str
    arguments: tuple[str, ...]
    url: str = ""
    health: str = ""


class Stack:
    """The members recorded in `home/stack.json`, with their logs in `home/logs`."""

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self.record = self.home / "stack.json"

    def members(self) -> list[Member]:
        """What was started and not yet stopped, alive or not.

        Raises:
            Broken: the record is damaged, as after a loss of power.
        """
        if not self.record.exists():
            return []
        try:
            return [_member(dict(values)) for values in json.loads(self.record.read_text())]
        except (ValueError, TypeError, KeyError, RecursionError):
            hint = "End what `ps` still shows of the stack, then remove the file."
            raise Broken(f"{self.record} is damaged: what runs is not known.", hint) from None

    def alive(self) -> list[Member]:
        """The members that still run."""
        return [member for member in self.members() if member.alive]

    @contextmanager
    def only_starter(self) -> Iterator[None]:
        """Held by whoever brings the stack up.

        Raises:
            Conflict: another process is at it, or the stack runs.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.home / "up.lock", timeout=0):
                if running := self.alive():
                    see = "See `evergreen status`; stop them with `evergreen down`."
                    raise Conflict(f"{len(running)} processes run already.", see)
                yield
        except Timeout:
            raise Conflict(f"Another process is starting the stack in {self.home}.", "Wait for it.") from None

    def start(self, command: Command, environment: dict[str, str]) -> Member:
        """Start one member in a session of its own and record it before anything else happens, a signal too."""
        log = self.home / "logs" / f"{command.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with held_back(), log.open("ab") as stream:
            process = subprocess.Popen(
                [sys.executable, *command.arguments],
                env=os.environ | environment,
                stdout=stream,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            member = Member(command.name, process.pid, start_of(process.pid), command.url, str(log))
            self._write([*self.alive(), member])
        return member

    def stop(self) -> list[str]:
        """Stop every recorded member with its children; returns the names stopped, newest first.

        The newest, the worker, goes before the others, and the runs under it before itself: it waits for its
        runs, and for its server. Signals wait until all are gone.
        """
        with held_back():
            trees = {member.name: _tree(member) for member in reversed(self.alive())}
            stopping = list(trees.values())
            for part in (_children(stopping[:1]), _leaders(stopping[:1]), _leaders(stopping) + _children(stopping)):
                _end(part)
            self.record.unlink(missing_ok=True)
        return [name for name, tree in trees.items() if tree]

    def _write(self, members: list[Member]) -> None:
        aside = self.record.with_suffix(".tmp")
        aside.write_text(json.dumps([asdict(member) for member in members], indent=2))
        aside.replace(self.record)


def _member(values: dict[str, Any]) -> Member:
    """A member as recorded; an older Evergreen wrote down the wall's time of its start instead."""
    created = values.pop("created", None)
    if created is not None:
        try:
            same = abs(psutil.Process(values["pid"]).create_time() - created) < 1
            values["started"] = start_of(values["pid"]) if same else ""
        except psutil.NoSuchProcess:
            values["started"] = ""
    return Member(**values)


def _tree(member: Member) -> list[psutil.Process]:
    try:
        leader = psutil.Process(member.pid)
        return [leader, *leader.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _leaders(trees: list[list[psutil.Process]]) -> list[psutil.Process]:
    return [tree[0] for tree in trees if tree]


def _children(trees: list[list[psutil.Process]]) -> list[psutil.Process]:
    return [process for tree in trees for process in tree[1:]]


def _end(processes: list[psutil.Process], patience: float = 10.0) -> None:
    """Ask the processes to stop, then kill what is left of them."""
    for process in processes:
        _signal(process, signal.SIGTERM)
    _, left = psutil.wait_procs(processes, timeout=patience)
    for process in left:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(left, timeout=patience)


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def wait_until_ready(member: Member, health: str, timeout: float = 120.0) -> None:
    """Wait until `health` answers below 500.

    Raises:
        Unavailable: the process died or stayed silent, with the place of its log.
    """
    import httpx  # not for who only reads what was started

    for _ in _ticks(timeout, 0.2):
        if not member.alive:
            break
        try:
            if httpx.get(health, timeout=5.0, trust_env=trusts_proxy(health)).status_code < 500:
                return
        except httpx.TransportError:
            continue
    raise Unavailable(f"{member.name} did not come up.", f"Its last words are in {member.log}.")


def _ticks(timeout: float, pause: float) -> Iterator[None]:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        yield
        time.sleep(pause)


def choose_port(port: int) -> int:
    """`wanted` if nobody listens on it; 0 asks for any free loopback port.

    Raises:
        PortInUse: somebody listens on `wanted`.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            raise PortInUse(
                f"Port {port} on {LOOPBACK} is in use.", "Stop what listens there or choose another port."
            ) from None
        return int(probe.getsockname()[1])
