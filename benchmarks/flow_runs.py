"""Many flow runs at once on the Prefect server that `evergreen up` starts: does its SQLite file refuse any of them?

    python -m benchmarks.flow_runs [--runs 24] [--at-once 6] [--own]

A server and a worker as `evergreen up` starts them, in a folder of their own; short runs of three tasks each, while
another client asks for pages of runs as Prefect's pages do. `--own` takes Prefect's own way to its database in place of
the turn-taking one (docs/faults.md), to compare. Printed: how runs ended, and "database is locked" in the server's log.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from evergreen.adapters.infra.ending import ended_once
from evergreen.adapters.infra.prefect_api import FlowRun, PrefectApi
from evergreen.adapters.infra.processes import Stack, wait_until_ready
from evergreen.errors import Unavailable
from evergreen.ops import local_stack
from evergreen.ops.local_stack import WORK_POOL, WORKER, Ports, commands, environment
from evergreen.settings import Settings

LOCKED = "database is locked"
OWN = ("prefect.server.api.server:create_app", "tasks.prefect_server:guarded")  # in the arguments of the server
PATIENCE = 1_800  # seconds for all runs, on a busy machine
DECLARED = {
    "name": "benchmark",
    "deployments": [
        {"name": "short", "entrypoint": "benchmarks/short_flow.py:short", "work_pool": {"name": WORK_POOL}},
    ],
}


@dataclass(frozen=True)
class RunsEnded:
    """How many runs ended in which state, in how many seconds, and how often the server's log says `LOCKED`."""

    states: Counter[str]
    seconds: float
    locked: int
    answers: int


def run(home: Path, runs: int, at_once: int, own: bool = False) -> RunsEnded:
    """Start server and worker in `home`, ask for all runs at once, and wait for their ends."""
    settings, ports, stack = Settings(home=home), Ports(0, 0, 0).chosen(), Stack(home)
    variables = environment(settings, ports)
    server, health = commands(settings, ports)[0]
    if own:
        server = replace(server, arguments=tuple(OWN[0] if each == OWN[1] else each for each in server.arguments))
    worker = replace(WORKER, arguments=(*WORKER.arguments, "--limit", str(at_once)))
    with ended_once(), ExitStack() as ending:
        ending.callback(stack.stop)
        member = stack.start(server, variables)
        wait_until_ready(member, health, PATIENCE)
        api = PrefectApi.at(variables)
        api.create_work_pool(WORK_POOL)
        declared = home / "prefect.yaml"
        declared.write_text(yaml.safe_dump(DECLARED))
        local_stack.deploy(variables, home / "logs" / "deploy.log", declared)
        stack.start(worker, variables)
        states, seconds, answers = _walk(api, runs)
    return RunsEnded(states, seconds, Path(member.log).read_text().count(LOCKED), answers)


def _walk(api: PrefectApi, runs: int) -> tuple[Counter[str], float, int]:
    """States of the runs in the end, seconds until then, and how often the list of running ones was read meanwhile."""
    began, answers = time.monotonic(), 0
    started = [api.start("short/short", {}) for _ in range(runs)]
    states: dict[str, FlowRun] = {each.id: each for each in started}
    while time.monotonic() - began < PATIENCE and not all(each.finished for each in states.values()):
        with suppress(Unavailable):  # a machine too busy to answer in time; what it refused is in its log
            states |= {each: api.read(each) for each, known in states.items() if not known.finished}
            answers += len(api.running()) > 0
        time.sleep(0.5)
    return Counter(each.state for each in states.values()), time.monotonic() - began, answers


def main() -> None:
    """Print how the runs ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=24)
    parser.add_argument("--at-once", type=int, default=6)
    parser.add_argument("--own", action="store_true", help="Prefect's own way to its database")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        story = run(Path(folder), options.runs, options.at_once, options.own)
    states = ", ".join(f"{count} {state.lower()}" for state, count in story.states.items())
    print(f"{options.runs} runs, {options.at_once} at once: {states} in {story.seconds:.0f} s")
    print(f"{story.answers} lists of runs read meanwhile; {LOCKED!r} {story.locked} times in the server's log")


if __name__ == "__main__":
    main()
