"""Four worker processes behind one address: all follow the rollout, none fails anybody, a dead one is replaced."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import httpx
import psutil
import pytest

from benchmarks import served
from benchmarks.rollout_changes import answering, run, service, until_ready
from evergreen.adapters.database import decisions, reading
from evergreen.errors import BadSetting
from evergreen.service.app import serve
from evergreen.settings import Settings
from evergreen.workspace import Workspace

WORKERS = 4


@pytest.mark.timeout(900)
@pytest.mark.faults
def test_workers__all_follow_each_change_and_a_killed_one_is_replaced(tmp_path: Path) -> None:
    served.build(tmp_path)
    at = Workspace(Settings(home=tmp_path, clock="replay"))
    with service(tmp_path, WORKERS) as (base, pid):
        story = asyncio.run(run(base, pid, at, changes=60, seconds=6, rate=100))
        assert story.failed == story.by("another") == 0 and len(story.answers) > 100
        assert len(story.workers) > 1, "several workers share the load"
        assert len({answer.version for answer in story.answers}) > 10, "changes were seen while they happened"
        newest = story.written[-1][1].version
        assert {version_served(base) for _ in range(30)} == {newest}
        victim = next(iter(answering(pid, base) or story.workers))
        os.kill(victim, signal.SIGSTOP)
        time.sleep(1.5)  # the supervisor has asked whether it is alive, and waits
        os.kill(victim, signal.SIGKILL)
        wait_for_replacement(pid, victim)
        asyncio.run(until_ready(base))
        assert {version_served(base) for _ in range(30)} == {newest}
    with reading(at.engine) as conn:
        assert decisions.verify(conn) == []


@pytest.mark.faults
def test_workers__end_with_their_supervisor(tmp_path: Path) -> None:
    with service(tmp_path, 2) as (base, pid):
        asyncio.run(until_healthy(base))
        family = psutil.Process(pid).children(recursive=True)
        os.kill(pid, signal.SIGKILL)
        gone, left = psutil.wait_procs(family, timeout=60)
    assert len(gone) >= 2 and not left


async def until_healthy(base: str) -> None:
    """Wait for the first answer of a service that has nothing to serve."""
    async with httpx.AsyncClient(base_url=base, transport=httpx.AsyncHTTPTransport(retries=600), timeout=60) as client:
        assert (await client.get("/healthz")).status_code == 200


def version_served(base: str) -> int:
    """The rollout version of whichever worker takes a new connection."""
    return int(httpx.get(f"{base}/v1/rollout", timeout=30).json()["version"])


def wait_for_replacement(pid: int, victim: int) -> None:
    for _ in range(600):
        alive = {each.pid for each in psutil.Process(pid).children() if each.status() != psutil.STATUS_ZOMBIE}
        if len(alive) > WORKERS and victim not in alive:  # one more: what multiprocessing keeps track with
            return
        time.sleep(0.05)
    raise AssertionError("the killed worker was not replaced")


def test_workers__none_at_all_is_refused() -> None:
    with pytest.raises(BadSetting, match="0 workers"):
        serve(Settings(), workers=0)
