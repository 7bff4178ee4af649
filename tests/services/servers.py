"""PostgreSQL and Redis of one's own: from the system's packages, in a temporary folder, on free loopback ports."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import psycopg
import pytest
from redis import Redis
from redis.exceptions import RedisError

from evergreen.adapters.infra.processes import LOOPBACK, choose_port

DEBIAN = "/usr/lib/postgresql/*/bin"  # Debian keeps a server's programs off the path
ACCOUNT = "postgres"  # of the package; the server refuses to run as root


@dataclass(frozen=True)
class Postgresql:
    """A running server; `url` is that of its first database."""

    url: str

    def database(self) -> str:
        """The URL of a new empty database."""
        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"create database {name}")
        return f"{self.url.rpartition('/')[0]}/{name}"


def program(name: str) -> str:
    """Where a server's program is; skips the test where it is not installed."""
    beside = sorted(Path("/").glob(f"{DEBIAN.lstrip('/')}/{name}"))
    path = shutil.which(name) or (str(beside[-1]) if beside else None)
    if path is None:
        pytest.skip(f"{name} is not installed (Debian: apt-get install postgresql redis-server)")
    return path


@contextmanager
def running_postgresql() -> Iterator[Postgresql]:
    """A server without durability, for tests; gone afterwards with all it held."""
    initdb, postgres = program("initdb"), program("postgres")
    folder, port = Path(mkdtemp(prefix="evergreen-postgresql-")), choose_port(0)
    try:
        _hand_over(folder)
        _run_as_owner([initdb, "-D", f"{folder}/data", "-U", "evergreen", "-A", "trust", "-E", "UTF8", "--no-sync"])
        options = ["-c", f"listen_addresses={LOOPBACK}", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
        options += ["-c", "max_connections=200", "-c", "timezone=America/New_York"]  # not UTC, on purpose
        url = f"postgresql://evergreen:secret@{LOOPBACK}:{port}/postgres"
        command = [postgres, "-D", f"{folder}/data", "-p", str(port), *options]
        with _running(command, lambda: psycopg.connect(url, connect_timeout=2).close(), folder):
            yield Postgresql(url)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_redis() -> Iterator[str]:
    """A server that keeps nothing on disk; gives its URL."""
    server, port = program("redis-server"), choose_port(0)
    folder = Path(mkdtemp(prefix="evergreen-redis-"))
    url = f"redis://:secret@{LOOPBACK}:{port}/0"
    command = [server, "--port", str(port), "--bind", LOOPBACK, "--requirepass", "secret"]
    command += ["--save", "", "--dir", str(folder)]
    try:
        _hand_over(folder)
        with _running(command, lambda: Redis.from_url(url).ping(), folder):
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(command: list[str], answers: Callable[[], object], folder: Path) -> Iterator[None]:
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*_as_owner(), *command], stdout=log, stderr=log, cwd="/")
    try:
        _await(process, answers, folder / "log")
        yield
    finally:
        process.send_signal(2)  # PostgreSQL: end all sessions now
        process.wait(timeout=30)


def _await(process: subprocess.Popen[bytes], answers: Callable[[], object], log: Path) -> None:
    for _ in range(300):
        assert process.poll() is None, log.read_text()
        try:
            answers()
            return
        except (psycopg.OperationalError, RedisError):
            time.sleep(0.1)
    raise AssertionError(log.read_text())


def _hand_over(folder: Path) -> None:
    if os.geteuid() == 0:
        account = pwd.getpwnam(ACCOUNT)
        os.chown(folder, account.pw_uid, account.pw_gid)


def _as_owner() -> list[str]:
    return ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups"] if os.geteuid() == 0 else []


def _run_as_owner(command: list[str]) -> None:
    run = subprocess.run([*_as_owner(), *command], capture_output=True, text=True, cwd="/", check=False)
    assert run.returncode == 0, run.stderr
