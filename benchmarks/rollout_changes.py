"""1,000 changes of the rollout in 60 s under 200 requests a second: who fails, who changes sides, who lags behind.

    python -m benchmarks.rollout_changes [--workers 4]

Weights go up and down, every 50th change swaps champion and challenger. Each answer is compared with what was
written: it must name a rollout version that exists, and the model which that version gives this client; or the
champion, when the challenger was not back in time, which is counted apart.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks import served
from evergreen.adapters.database import reading, rollouts
from evergreen.adapters.database.rollouts import Rollout
from evergreen.adapters.infra.processes import LOOPBACK, choose_port
from evergreen.core.canary.assignment import arm
from evergreen.settings import Settings
from evergreen.workspace import Workspace

CLIENTS = 40
WEIGHTS = (2_500, 5_000)


@dataclass(frozen=True)
class Answer:
    """One answer: when its question was sent and it came (seconds), and what it said."""

    sent: float
    came: float
    client: str
    status: int
    model: str
    version: int


@dataclass
class Story:
    """What was written and what was answered; `written` pairs each rollout with the moment after its commit."""

    written: list[tuple[float, Rollout]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    workers: set[int] = field(default_factory=set)

    @property
    def failed(self) -> int:
        """Answers that were not 200."""
        return sum(answer.status != 200 for answer in self.answers)

    def by(self, answering_model: str) -> int:
        """Answers by the model due to the client, by the `champion` in the challenger's place, or by `another`."""
        rows = {row.version: row for _, row in self.written}
        answered = (answer for answer in self.answers if answer.status == 200)
        return sum(_answering_arm(answer, rows.get(answer.version)) == answering_model for answer in answered)

    @property
    def lags(self) -> list[float]:
        """For each answer, seconds its rollout version had been outdated when it was asked for; 0: it was not."""
        moments = {row.version: moment for moment, row in self.written}
        newest = max(moments)
        return [
            max(answer.sent - moments[answer.version + 1], 0.0) if answer.version < newest else 0.0
            for answer in self.answers
            if answer.status == 200
        ]


def _answering_arm(answer: Answer, row: Rollout | None) -> str:
    if row is None:
        return "another"
    challenged = row.challenger is not None and arm(row.salt, answer.client, row.weight) == "challenger"
    if answer.model == (row.challenger if challenged else row.champion):
        return "due"
    return "champion" if answer.model == row.champion else "another"


@contextmanager
def service(home: Path, workers: int) -> Iterator[tuple[str, int]]:
    """`evergreen serve --workers N` on `home`; its address and the process at its head."""
    port = choose_port(0)
    variables = {"EVERGREEN_HOME": str(home), "EVERGREEN_CLOCK": "replay", "EVERGREEN_SERVICE_PORT": str(port)}
    command = [sys.executable, "-m", "evergreen", "serve", "--workers", str(workers)]
    with (home / "service.log").open("wb") as log:
        running = subprocess.Popen(command, env=os.environ | variables, stdout=log, stderr=log)
    try:
        yield f"http://{LOOPBACK}:{port}", running.pid
    finally:
        running.terminate()
        running.wait(timeout=30)


def answering(pid: int, base: str) -> set[int]:
    """Processes under `pid` that hold a connection of a client now."""
    port = int(base.rpartition(":")[2])
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return {
        process.pid
        for process in family
        if any(each.laddr.port == port and each.status == "ESTABLISHED" for each in process.net_connections("tcp"))
    }


async def until_ready(base: str, quiet: int = 40) -> None:
    """Wait until so many looks in a row, each on a connection of its own, found a worker that serves."""
    ready = 0
    while ready < quiet:
        try:
            async with httpx.AsyncClient(base_url=base, verify=False) as client:
                ready = ready + 1 if (await client.get("/readyz", timeout=60)).status_code == 200 else 0
        except httpx.TransportError:
            ready = 0
        await asyncio.sleep(0 if ready else 0.1)


async def ask(base: str, name: str, every: float, stop: asyncio.Event, story: Story) -> None:
    """One client that asks `every` so many seconds until told to stop, on a new connection after every tenth."""
    due = time.monotonic()
    while not stop.is_set():
        due = await ask_ten(base, name, every, due, story)


async def ask_ten(base: str, name: str, every: float, due: float, story: Story) -> float:
    """Ask ten times on one connection; returns when the next is due."""
    async with httpx.AsyncClient(base_url=base, headers={"X-Client-Id": name}, timeout=30, verify=False) as client:
        for _ in range(10):
            sent = time.monotonic()
            answer = await client.get("/v1/predictions/T001")
            body: dict[str, Any] = answer.json() if answer.status_code == 200 else {"model": "", "rollout_version": 0}
            came = time.monotonic()
            story.answers.append(Answer(sent, came, name, answer.status_code, body["model"], body["rollout_version"]))
            due = max(due + every, came - 1.0)
            await asyncio.sleep(max(due - came, 0))
    return due


async def change(at: Workspace, changes: int, seconds: float, stop: asyncio.Event, story: Story) -> None:
    """Change the rollout so many times, evenly spread, then let the last one arrive."""
    began, row = time.monotonic(), story.written[0][1]
    for number in range(1, changes + 1):
        await asyncio.sleep(max(began + number * seconds / changes - time.monotonic(), 0))
        swap = {"champion": row.challenger, "challenger": row.champion} if number % 50 == 0 else {}
        decision = served.decision(at.settings, str(row.challenger))
        row = await asyncio.to_thread(rollouts.change, at.engine, row, decision, weight=WEIGHTS[number % 2], **swap)
        story.written.append((time.monotonic(), row))
    await asyncio.sleep(1.5)
    stop.set()


async def run(base: str, pid: int, at: Workspace, changes: int, seconds: float, rate: float) -> Story:
    """Load and change at once; returns what happened."""
    with reading(at.engine) as conn:
        first = rollouts.current(conn, at.settings.model_name)
    story, stop = Story(written=[(time.monotonic(), first)]), asyncio.Event()
    await until_ready(base)
    asking = [ask(base, f"client {number}", CLIENTS / rate, stop, story) for number in range(CLIENTS)]

    async def counting() -> None:
        while not stop.is_set():
            story.workers |= await asyncio.to_thread(answering, pid, base)
            await asyncio.sleep(0.5)

    await asyncio.gather(change(at, changes, seconds, stop, story), counting(), *asking)
    return story


def main() -> None:
    """Print what happened."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--changes", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        served.build(home)
        at = Workspace(Settings(home=home, clock="replay"))
        with service(home, options.workers) as (base, pid):
            story = asyncio.run(run(base, pid, at, options.changes, options.seconds, options.rate))
        at.engine.dispose()
    lags, took = sorted(story.lags), sorted(answer.came - answer.sent for answer in story.answers)
    spent = story.answers[-1].came - story.answers[0].sent
    print(f"{len(story.written) - 1} changes, {len(story.answers):,} answers, {len(story.answers) / spent:.0f}/s")
    print(f"{len(story.workers)} of {options.workers} workers answered; rollout versions seen: {_seen(story)}")
    print(f"failed {story.failed}; by another model than the version gives the client {story.by('another')}")
    print(f"by the champion for a challenger that was late {story.by('champion')}")
    print(f"a worker lags at most {lags[-1]:.3f} s (99 % within {lags[int(0.99 * len(lags))]:.3f} s)")
    print(f"latency p50 {1e3 * took[len(took) // 2]:.1f} ms, p99 {1e3 * took[int(0.99 * len(took))]:.1f} ms")


def _seen(story: Story) -> int:
    versions = sorted(row.version for _, row in story.written)
    return len({versions[bisect_right(versions, answer.version) - 1] for answer in story.answers})


if __name__ == "__main__":
    main()
