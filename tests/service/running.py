"""The application with its life, and a client inside the same loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import uvicorn

from evergreen.service.app import bind, create_app, server_config
from tests.service.world import World

Client = httpx.AsyncClient


@asynccontextmanager
async def running(world: World, wait: bool = True) -> AsyncIterator[Client]:
    app = create_app(world.settings, world.store)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        Client(transport=transport, base_url="http://localhost") as client,
    ):
        client.app = app
        if wait:
            await until(client, "/readyz", lambda answer: answer.status_code == 200)
        yield client


@contextmanager
def listening(world: World) -> Iterator[str]:
    """A ready service on loopback, in a thread; its address."""
    with bind("127.0.0.1", 0) as listener:
        server = uvicorn.Server(server_config(create_app(world.settings, world.store), log_level="warning"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        while httpx.get(f"{base}/readyz", timeout=60).status_code != 200:
            time.sleep(0.02)
        try:
            yield base
        finally:
            server.should_exit = True
            thread.join()


async def until(client: Client, path: str, fine: Callable[[httpx.Response], bool]) -> httpx.Response:
    for _ in range(500):
        answer = await client.get(path)
        if fine(answer):
            return answer
        await asyncio.sleep(0.02)
    raise AssertionError(f"{path} never became what was waited for: {answer.text}")


async def until_served(client: Client, version: int) -> None:
    """Wait until answers come from that version of the rollout."""
    await until(client, "/v1/rollout", lambda answer: answer.json()["version"] == version)


def with_service(world: World, act: Callable[[Client], Awaitable[Any]], wait: bool = True) -> Any:
    async def live() -> Any:
        async with running(world, wait) as client:
            return await act(client)

    return asyncio.run(live())


def ask(client: Client, name: str = "somebody", ticker: str = "AAPL") -> Awaitable[httpx.Response]:
    return client.get(f"/v1/predictions/{ticker}", headers={"X-Client-Id": name})
