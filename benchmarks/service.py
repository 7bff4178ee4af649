"""One forecast over HTTP beside `mlflow models serve` with the same model and an empty FastAPI route, in one run.

    python benchmarks/service.py [--seconds 8]

Needs `wrk` (a Debian package). One worker each, 8 connections. Evergreen answers from 505 tickers x 158 features,
scores two models of 300 trees, routes by client and has every answer on disk before it is sent; MLflow is handed its
158 features in the request and records nothing.
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

from benchmarks import served
from evergreen.adapters.infra.processes import LOOPBACK, choose_port

CONNECTIONS = 8
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
ASK_MLFLOW = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [=[BODY]=]
"""


@dataclass(frozen=True)
class Load:
    """What `wrk` counted: requests a second, latencies in milliseconds, answers that were not 2xx."""

    rate: float
    p50: float
    p99: float
    failed: int

    def __str__(self) -> str:
        return f"{self.rate:8,.0f}/s   p50 {self.p50:7.2f} ms   p99 {self.p99:7.2f} ms   failed {self.failed}"


def measure(url: str, seconds: int, script: str = "") -> Load:
    """Load `url` over 8 connections after a second of warming up."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", "--latency", *(["-s", file.name] if script else []), url]
        subprocess.run([*command, "-d1s"], check=True, capture_output=True)
        report = subprocess.run([*command, f"-d{seconds}s"], check=True, capture_output=True, text=True).stdout
    return _read(report)


def _read(report: str) -> Load:
    rate = re.search(r"Requests/sec:\s+([\d.]+)", report)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", report)
    assert rate, report
    return Load(float(rate[1]), _latency(report, 50), _latency(report, 99), int(failed[1]) if failed else 0)


def _latency(report: str, percentile: int) -> float:
    latency = re.search(rf"{percentile}%\s+([\d.]+)(us|ms|s)", report)
    assert latency, report
    return float(latency[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[latency[2]]


@contextmanager
def server(command: list[str], port: int, health: str, log: Path, **variables: str) -> Iterator[str]:
    """A server process of its own until the block ends; gives its base address."""
    from evergreen.adapters.infra.processes import Command, Stack, wait_until_ready

    base, stack = f"http://{LOOPBACK}:{port}", Stack(log)
    try:
        wait_until_ready(stack.start(Command("server", tuple(command), base), variables), base + health)
        yield base
    finally:
        stack.stop()


def evergreen(home: Path, seconds: int) -> Load:
    """The service itself, as `evergreen serve` starts it."""
    port = choose_port(0)
    variables = {"EVERGREEN_HOME": str(home), "EVERGREEN_CLOCK": "replay", "EVERGREEN_SERVICE_PORT": str(port)}
    with server(["-m", "evergreen", "serve"], port, "/readyz", home / "served", **variables) as base:
        return measure(base, seconds, ASK_EVERGREEN)


def empty_route(folder: Path, seconds: int) -> Load:
    """FastAPI answering an empty object."""
    port = choose_port(0)
    with server(["-c", EMPTY, str(port)], port, "/", folder / "empty") as base:
        return measure(base, seconds)


def mlflow(folder: Path, seconds: int) -> Load:
    """`mlflow models serve` with the champion's booster."""
    import mlflow.lightgbm

    port, row = choose_port(0), served.features().iloc[:1]
    mlflow.lightgbm.save_model(served.train(1), str(folder / "model"), pip_requirements=["lightgbm"])
    body = json.dumps({"dataframe_split": {"columns": list(row.columns), "data": row.to_numpy().tolist()}})
    command = ["-m", "mlflow", "models", "serve", "-m", str(folder / "model"), "--env-manager", "local"]
    variables = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with server([*command, "-p", str(port), "-w", "1"], port, "/ping", folder / "peer", **variables) as base:
        return measure(f"{base}/invocations", seconds, ASK_MLFLOW.replace("BODY", body))


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
        loads = {
            "Evergreen": evergreen(home, seconds),
            "empty FastAPI route": empty_route(Path(folder), seconds),
            "mlflow models serve": mlflow(Path(folder), seconds),
        }
    for name, load in loads.items():
        print(f"{name:20s} {load}")
    ours, empty, peer = (load.rate for load in loads.values())
    print(f"Evergreen answers {ours / peer:.0f} times as many as MLflow, {ours / empty:.0%} of an empty route")
    print(f"the empty route answers {empty / peer:.0f} times as many as MLflow: more cannot be had from this server")


if __name__ == "__main__":
    main()
