"""What happens to every request before and after its route: a bounded body, a measured time."""

from __future__ import annotations

import time
from functools import lru_cache

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evergreen.service.metrics import Metrics
from evergreen.service.problems import problem

MAX_BODY = 64 * 1024  # bytes; 1,000 tickers of the longest kind are 36 KB


class BodyLimit:
    """Answers 413 to a body over `limit` bytes, whether it declares its length or streams."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on once its whole body is known to fit."""
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(receive)
        except ClientDisconnect:
            return  # half a body is nobody's request
        if body is None:
            refusal = problem(413, f"The body is over {self._limit} bytes.", "Ask for fewer tickers at once.")
            await refusal(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            more = message.get("more_body", False)
            if size > self._limit:
                return None
        return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def first_the_body() -> Message:
        return waiting.pop() if waiting else await receive()

    return first_the_body


class Timing:
    """Observes the time to the first byte of each answer, by route and status; unknown paths count as one."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._histogram = lru_cache(maxsize=256)(
            metrics.requests.labels
        )  # looking a label up takes longer than counting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and watch its answer start."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "none")
                seconds = time.perf_counter() - began
                self._histogram(route, str(message["status"])).observe(seconds)
            await send(message)

        await self._app(scope, receive, watched)
