"""The Prefect server of a local stack, as strict as it ought to be: it answers to its own names only, and logs in.

Prefect's own server answers any Host. `evergreen up` starts this one by uvicorn, as a factory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from weakref import WeakKeyDictionary

from prefect.server.api.server import create_app
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import MODELS_DEPENDENCIES
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction
from starlette.datastructures import MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evergreen.adapters.infra.let_in import let_in_route

NAMES = ["127.0.0.1", "localhost"]
KEPT = "prefect-password"  # where Prefect's pages keep, and look for, what a person typed
SCRIPT = f'localStorage.setItem("{KEPT}", btoa(account)); location.replace("/");'


_HAS_TURN = ContextVar("_HAS_TURN", default=False)
_TURNS: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


class TurnTakingSqlite(AioSqliteConfiguration):
    """Prefect's database on SQLite, whose transactions wait for their turn to write before they read.

    Prefect begins most of them deferred. One that has read, and then writes after another one wrote, is refused at once
    with "database is locked", however long the timeout: what it read is stale. One that waits first meets only the
    timeout, which is a minute. Within this process they wait in the order they came, and without a connection: SQLite
    wakes whom it likes, and on a busy machine a minute is not enough for the last of many.
    """

    @asynccontextmanager
    async def begin_transaction(
        self, session: AsyncSession, with_for_update: bool = False
    ) -> AsyncIterator[AsyncSessionTransaction]:
        """As Prefect's, always with the lock that `with_for_update` takes."""
        async with _turn(), super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


@asynccontextmanager
async def _turn() -> AsyncIterator[None]:
    """This task's turn to write. One that has it does not wait for itself, nor do tasks it starts meanwhile."""
    if _HAS_TURN.get():
        yield
        return
    async with _TURNS.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
        token = _HAS_TURN.set(True)
        try:
            yield
        finally:
            _HAS_TURN.reset(token)


def take_turns() -> None:
    """Have this process' Prefect use `TurnTakingSqlite`, where its database is SQLite."""
    url = PREFECT_API_DATABASE_CONNECTION_URL.value()
    if url and url.startswith("sqlite"):
        MODELS_DEPENDENCIES["database_config"] = TurnTakingSqlite(connection_url=url)


def guarded() -> ASGIApp:
    """The whole server, behind a look at the name it was called by; `/let-in#user:password` leads to its pages.

    The look stands around the application and not in it: Prefect's automations call the application inside this
    process, by a name of their own.
    """
    take_turns()
    app = create_app(final=True)
    app.router.routes.insert(0, let_in_route("Prefect", SCRIPT))  # before Prefect's pages, which take every path
    return TrustedHostMiddleware(asking_nobody_else(app), allowed_hosts=NAMES)


def asking_nobody_else(app: ASGIApp) -> ASGIApp:
    """The server with a policy on its pages: Prefect's ask their maker's analytics for settings, though all is off."""

    async def with_policy(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).setdefault("content-security-policy", "connect-src 'self'")
            await send(message)

        await app(scope, receive, send_with_policy)

    return with_policy
