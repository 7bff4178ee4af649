"""Sixty requests of each page at once, many forecasts on record: what else the service does meanwhile must not wait.

Run: python -m benchmarks.pages [--rows 200000] [--at-once 60]

One worker in a process of its own serves a small world that has answered so many requests. Then all pages are asked
for at once, so many times each, and while they are made the rollout is changed and one forecast after another is asked
for. Printed: seconds until all pages were there, until the service saw the new rollout, and of the slowest forecast,
beside the same with no page asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from benchmarks.long_service import CLIENTS, ask
from tests.service.test_serve import process
from tests.service.world import World, ready_world

PAGES = ("/", "/decisions", "/tickers/AAPL")
PATIENCE = 600  # seconds
KEY = {"X-Client-Id": "benchmark"}


@dataclass
class Waits:
    """Seconds until the pages were there and the rollout was seen, those of each forecast, all answers by status."""

    pages: float = 0.0
    refresh: float = 0.0
    forecasts: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def line(self) -> str:
        """One row of the table."""
        slowest = 1e3 * max(self.forecasts)
        statuses = ", ".join(f"{count} x {status}" for status, count in self.statuses.items())
        return f"{self.pages:8.2f} {self.refresh:8.2f} {slowest:12.0f} {len(self.forecasts):10d}  {statuses}"


def main() -> None:
    """Print what was waited for, without pages and with them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--at-once", type=int, default=60)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        world = ready_world(Path(folder))
        with process(world) as (_, base):
            asyncio.run(_run(world, base, given.rows, given.at_once))


async def _run(world: World, base: str, rows: int, at_once: int) -> None:
    port = int(base.rsplit(":", 1)[1])
    await asyncio.gather(*(ask(port, client, rows // CLIENTS) for client in range(CLIENTS)))
    print(f"{'':>10} {'pages s':>8} {'refresh s':>8} {'slowest ms':>11} {'forecasts':>10}")
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=base, headers=KEY, timeout=PATIENCE, limits=limits) as client:
        for name, count in (("no page", 0), (f"{at_once} each", at_once)):
            print(f"{name:>10} {(await waited(world, client, count)).line()}", flush=True)


async def waited(world: World, client: httpx.AsyncClient, at_once: int) -> Waits:
    """Ask for all pages, change the rollout, and ask for forecasts until both have come and at least fifty times."""
    waits = Waits()
    requests = [asyncio.create_task(client.get(page)) for page in PAGES * at_once]
    pages, begun = asyncio.gather(*requests), time.perf_counter()
    await asyncio.sleep(0.05)  # let the requests go out first
    seen = asyncio.create_task(_seen(world, client))
    while not (pages.done() and seen.done() and len(waits.forecasts) >= 50):
        before = time.perf_counter()
        waits.statuses[(await client.get("/v1/predictions/AAPL")).status_code] += 1
        waits.forecasts.append(time.perf_counter() - before)
        if pages.done() and not waits.pages:
            waits.pages = time.perf_counter() - begun
    waits.statuses.update(answer.status_code for answer in await pages)
    waits.refresh = await seen
    return waits


async def _seen(world: World, client: httpx.AsyncClient) -> float:
    begun = time.perf_counter()
    changed = await asyncio.to_thread(world.change_rollout, weight=5_000)
    while (await client.get("/v1/rollout")).json()["version"] != changed.version:
        await asyncio.sleep(0.01)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
