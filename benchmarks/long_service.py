"""Memory, descriptors and write-ahead log of a service over many requests and refreshes: flat, or not.

Run: python -m benchmarks.long_service [--requests 2000000] [--refreshes 1000]

One worker in a process of its own serves a small world; eight clients ask without pause while the rollout changes at
even distances. Ten looks are printed: resident memory, open descriptors, size of the database's write-ahead log.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from pathlib import Path

from tests.service.test_serve import process
from tests.service.world import World, ready_world

CLIENTS = 8  # connections that keep a worker busy
LOOKS = 10
REQUEST = b"GET /v1/predictions/AAPL HTTP/1.1\r\nhost: localhost\r\nx-client-id: client %d\r\n\r\n"


def main() -> None:
    """Print the looks, and how much memory grew from the second to the last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2_000_000)
    parser.add_argument("--refreshes", type=int, default=1_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        world = ready_world(Path(folder))
        with process(world) as (served, base):
            port = int(base.rsplit(":", 1)[1])
            asyncio.run(_run(world, served.pid, port, given.requests, given.refreshes))


async def _run(world: World, pid: int, port: int, requests: int, refreshes: int) -> None:
    print(f"{'requests':>10} {'refreshes':>9} {'MB':>7} {'descriptors':>11} {'WAL MB':>7} {'not 200':>7}")
    memory, refused = [], 0
    for look in range(1, LOOKS + 1):
        changing = asyncio.create_task(_refresh(world, refreshes // LOOKS))
        shares = [ask(port, client, requests // LOOKS // CLIENTS) for client in range(CLIENTS)]
        refused += sum(await asyncio.gather(*shares))
        await changing
        memory.append(_resident(pid))
        counts = f"{look * requests // LOOKS:>10} {look * refreshes // LOOKS:>9}"
        print(f"{counts} {memory[-1]:>7.1f} {_descriptors(pid):>11} {_log_size(world):>7.1f} {refused:>7}", flush=True)
    print(f"memory from the second look to the last: {memory[-1] - memory[1]:+.1f} MB")


async def _refresh(world: World, times: int) -> None:
    for _ in range(times):
        await asyncio.to_thread(world.change_rollout, weight=5_000)
        await asyncio.sleep(0.05)  # longer than the service's refresh, so that each is seen


async def ask(port: int, client: int, times: int) -> int:
    """Ask on one connection, one after another; how many answers were not 200."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    refused = 0
    for _ in range(times):
        writer.write(REQUEST % client)
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
        await reader.readexactly(int(length))
        refused += head[9:12] != b"200"
    writer.close()
    return refused


def _resident(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _log_size(world: World) -> float:
    log = Path(f"{world.engine.url.database}-wal")
    return log.stat().st_size / 1e6 if log.exists() else 0.0


if __name__ == "__main__":
    main()
