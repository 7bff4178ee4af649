"""Forecasts over HTTP beside `mlflow models serve` with the same model and an empty FastAPI route, in one run.

    python benchmarks/service.py [--seconds 8]

Needs `wrk` (a Debian package). One worker each, 8 and 64 connections; then 8 that ask for 505 tickers at once.
Evergreen answers from 505 tickers x 158 features and two models of 300 trees, routes by client and has every answer
on disk before it is sent; MLflow is handed its 158 features in the request and records nothing. Processor time is the
server's alone: unlike the rate it hardly depends on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import served
from evergreen.adapters.infra.processes import LOOPBACK, choose_port

CONNECTIONS = (8, 64)
ALL = 505  # tickers, asked for at once
EMPTY = """
import sys, uvicorn
from fastapi import FastAPI
app = FastAPI()
@app.get("/")
async def nothing() -> dict[str, int]:
    return {}
uvicorn.run(app, port=int(sys.argv[1]), access_log=False, loop="uvloop", http="httptools")
"""
ASK_EVERGREEN = """
local n = 0
request = function()
  n = n + 1
  wrk.headers["X-Client-Id"] = "client-" .. (n % 997)
  return wrk.format("GET", string.format("/v1/predictions/T%03d", n % 505))
end
"""
ASK_ALL = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local tickers = {}
for n = 0, 504 do tickers[n + 1] = string.format('"T%03d"', n) end
wrk.body = '{"tickers":[' .. table.concat(tickers, ",") .. ']}'
local n = 0
request = function()
  n = n + 1
  wrk.headers["X-Client-Id"] = "client-" .. (n % 997)
  return wrk.format()
end
"""
ASK_MLFLOW = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [=[BODY]=]
"""


@dataclass(frozen=True)
class Load:
    """What `wrk` counted: requests a second, latencies in milliseconds, answers that were not 2xx; `processor`:
    microseconds of the server's processor time a request."""

    rate: float
    p50: float
    p99: float
    failed: int
    processor: float

    def __str__(self) -> str:
        times = f"p50 {self.p50:7.2f} ms   p99 {self.p99:7.2f} ms   processor {self.processor:7,.0f} us"
        return f"{self.rate:8,.0f}/s   {times}   failed {self.failed}"


@dataclass(frozen=True)
class Server:
    """A running server: its base address and its process."""

    base: str
    process: psutil.Process

    def load(self, path: str, connections: int, seconds: int, script: str = "") -> Load:
        """Load `path` after a second of warming up."""
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
            file.write(script)
            file.flush()
            scripted = ["-s", file.name] if script else []
            command = ["wrk", "-t1", f"-c{connections}", "--latency", *scripted, self.base + path]
            subprocess.run([*command, "-d1s"], check=True, capture_output=True)
            before = self._seconds()
            ran = subprocess.run([*command, f"-d{seconds}s"], check=True, capture_output=True, text=True)
            spent = self._seconds() - before
        return _read(ran.stdout, spent)

    def _seconds(self) -> float:
        """Processor time of the process and its children so far, system time included."""
        members = [self.process, *self.process.children(recursive=True)]
        return float(sum(sum(member.cpu_times()[:2]) for member in members))


def _read(report: str, spent: float) -> Load:
    rate = re.search(r"Requests/sec:\s+([\d.]+)", report)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", report)
    requests = re.search(r"(\d+) requests in", report)
    assert rate and requests, report
    processor = spent / int(requests[1]) * 1e6
    return Load(float(rate[1]), _latency(report, 50), _latency(report, 99), int(failed[1]) if failed else 0, processor)


def _latency(report: str, percentile: int) -> float:
    latency = re.search(rf"{percentile}%\s+([\d.]+)(us|ms|s)", report)
    assert latency, report
    return float(latency[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[latency[2]]


@contextmanager
def server(command: list[str], port: int, health: str, log: Path, **variables: str) -> Iterator[Server]:
    """A server process of its own until the block ends."""
    from evergreen.adapters.infra.processes import Command, Stack, wait_until_ready

    base, stack = f"http://{LOOPBACK}:{port}", Stack(log)
    try:
        member = stack.start(Command("server", tuple(command), base), variables)
        wait_until_ready(member, base + health)
        yield Server(base, psutil.Process(member.pid))
    finally:
        stack.stop()


def evergreen(home: Path, seconds: int) -> dict[str, Load]:
    """The service itself, as `evergreen serve` starts it."""
    port = choose_port(0)
    variables = {"EVERGREEN_HOME": str(home), "EVERGREEN_CLOCK": "replay", "EVERGREEN_SERVICE_PORT": str(port)}
    with server(["-m", "evergreen", "serve"], port, "/readyz", home / "served", **variables) as ours:
        loads = {f"Evergreen, {many}": ours.load("", many, seconds, ASK_EVERGREEN) for many in CONNECTIONS}
        return loads | {f"Evergreen, 8 x {ALL} tickers": ours.load("/v1/predictions", 8, seconds, ASK_ALL)}


def empty_route(folder: Path, seconds: int) -> dict[str, Load]:
    """FastAPI answering an empty object."""
    port = choose_port(0)
    with server(["-c", EMPTY, str(port)], port, "/", folder / "empty") as empty:
        return {f"empty FastAPI route, {many}": empty.load("/", many, seconds) for many in CONNECTIONS}


def mlflow(folder: Path, seconds: int) -> dict[str, Load]:
    """`mlflow models serve` with the champion's booster."""
    import mlflow.lightgbm

    port, row = choose_port(0), served.features().iloc[:1]
    mlflow.lightgbm.save_model(served.train(1), str(folder / "model"), pip_requirements=["lightgbm"])
    body = json.dumps({"dataframe_split": {"columns": list(row.columns), "data": row.to_numpy().tolist()}})
    command = ["-m", "mlflow", "models", "serve", "-m", str(folder / "model"), "--env-manager", "local"]
    variables = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with server([*command, "-p", str(port), "-w", "1"], port, "/ping", folder / "peer", **variables) as peer:
        return {"mlflow models serve, 8": peer.load("/invocations", 8, seconds, ASK_MLFLOW.replace("BODY", body))}


def main() -> None:
    """Print the three side by side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=8)
    seconds = parser.parse_args().seconds
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing: apt-get install wrk")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        served.build(home)
        loads = evergreen(home, seconds) | empty_route(Path(folder), seconds) | mlflow(Path(folder), seconds)
    for name, load in loads.items():
        print(f"{name:29s} {load}")
    for many in CONNECTIONS:
        ours, empty = loads[f"Evergreen, {many}"], loads[f"empty FastAPI route, {many}"]
        print(
            f"{many} connections: {ours.rate / empty.rate:.0%} of an empty route's answers, "
            f"{ours.processor / empty.processor:.2f} times its processor time"
        )
    ours, peer = loads["Evergreen, 8"], loads["mlflow models serve, 8"]
    print(f"{ours.rate / peer.rate:.0f} times as many as MLflow; of many tickers {_forecasts(loads):,.0f} forecasts/s")


def _forecasts(loads: dict[str, Load]) -> float:
    return loads[f"Evergreen, 8 x {ALL} tickers"].rate * ALL


if __name__ == "__main__":
    main()
