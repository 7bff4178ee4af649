"""The application and its life: `create_app` wires it, `serve` runs it on loopback."""

from __future__ import annotations

import asyncio
import errno
import gc
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors.multiprocess import Multiprocess

from evergreen import __version__
from evergreen.adapters.infra.ending import end_with_parent
from evergreen.errors import BadSetting, PortInUse
from evergreen.service.answering import Answerer
from evergreen.service.connections import BoundedProtocol, make_room
from evergreen.service.deps import Service
from evergreen.service.door import Door, Rate
from evergreen.service.expiry import expiry
from evergreen.service.express import Express
from evergreen.service.gate import Gate
from evergreen.service.keys import Keys
from evergreen.service.log import GroupCommit
from evergreen.service.metrics import Metrics
from evergreen.service.middleware import BodyLimit, Timing
from evergreen.service.pages import Pages
from evergreen.service.problems import add_problem_handlers
from evergreen.service.refresh import Keeper
from evergreen.service.routes import router
from evergreen.service.store import DiskStore
from evergreen.service.tracing import Tracing
from evergreen.service.watch import WATCH_SECONDS, Watch, keep_watch
from evergreen.settings import Settings, load_settings

Life = Callable[[FastAPI], AbstractAsyncContextManager[None]]

GRACE_SECONDS = 10  # for requests under way at the end: as long as Kubernetes leaves after its own notice
HUNG_SECONDS = 20  # the supervisor waits so long for a worker that died between its question and the answer


def create_app(
    settings: Settings, store: DiskStore | None = None, once_serving: Callable[[], None] = lambda: None
) -> FastAPI:
    """The service over the places of `settings`. It starts without any of them and says what is missing.

    Args:
        settings: places and limits.
        store: reads those places; another may be given for features that do not come from Feast.
        once_serving: called, from a thread, when the first models and features are loaded.
    """
    metrics, store = Metrics(), store or DiskStore(settings)
    keeper = Keeper(store, metrics, once_serving)
    expires = expiry(settings.model_expiry, store.age)
    answerer = Answerer(store.write, metrics, settings.max_feature_age, store.target, expires)
    metrics.snapshot_age.set_function(keeper.unconfirmed_seconds)
    watch = Watch(settings, store)
    pages = Pages(settings, store, keeper, watch)
    door = Door(Keys(settings.keys) if settings.service_auth else None, Rate(settings.requests_per_second))
    tracing = Tracing(settings.trace_collector) if settings.trace_collector else None
    commits = tracing.commits(answerer.settle) if tracing else GroupCommit(answerer.settle)
    service = Service(settings, keeper, commits, metrics, pages, door, store.listings)
    return _assembled(service, _life(service, watch, store, tracing), tracing)


def _life(service: Service, watch: Watch, store: DiskStore, tracing: Tracing | None) -> Life:
    """What begins with the application and ends with it, in order.

    The first look comes before the first request: a worker that takes a dead one's place answers, or is not there.
    """

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        stop = asyncio.Event()
        service.commits.start()
        await service.keeper.look_now()
        looking = asyncio.create_task(service.keeper.run(service.settings.refresh_seconds, stop))
        watching = asyncio.create_task(keep_watch(watch, service.keeper, WATCH_SECONDS, stop))
        yield
        stop.set()
        await asyncio.gather(looking, watching)
        await service.commits.close()
        for each in (service.keeper, service.pages):
            each.close()
        store.close()
        if tracing:
            await tracing.close()

    return life


def _assembled(service: Service, life: Life, tracing: Tracing | None) -> FastAPI:
    app = FastAPI(
        title="Evergreen",
        version=__version__,
        description="Price forecasts, each on record before it is sent.",
        lifespan=life,
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    app.include_router(router)
    app.add_middleware(BodyLimit)
    app.add_middleware(Express)
    app.add_middleware(Gate, settings=service.settings, door=service.door)
    app.add_middleware(Timing, metrics=service.metrics)
    add_problem_handlers(app)
    if tracing:
        tracing.watch(app)
    return app


def from_environment() -> FastAPI:
    """The service of one worker process, which reads the settings for itself and ends with its supervisor."""
    end_with_parent()
    BoundedProtocol.room = make_room()
    return create_app(load_settings(), once_serving=gc.freeze)


def serve(settings: Settings, workers: int = 1) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are answered first.

    Several workers share the address and the database; each follows the rollout by itself, is replaced when it
    dies, and counts rates and metrics of its own.

    What is loaded by the first forecast is kept out of later garbage collections: walking the libraries'
    objects takes hundreds of milliseconds, during which nobody would be answered.

    Raises:
        BadSetting: no workers; an address off this machine's loopback while nobody is asked for a key, or that
            cannot be bound; keys are asked for and there is none.
        PortInUse: somebody else listens there.
    """
    if workers < 1:
        raise BadSetting(f"{workers} workers cannot serve.", "Say --workers 1 or more.")
    listener = bind(settings.service_host, settings.service_port, guarded=_guarded(settings))
    BoundedProtocol.room = make_room()
    with listener:
        if workers > 1:
            config = server_config("evergreen.service.app:from_environment", factory=True, workers=workers)
            Multiprocess(config, [listener]).run()
        else:
            uvicorn.Server(server_config(create_app(settings, once_serving=gc.freeze))).run(sockets=[listener])


def server_config(app: FastAPI | str, **changes: Any) -> uvicorn.Config:
    """How the application is served: bounded connections, no web sockets, no word about the server."""
    return uvicorn.Config(
        app,
        access_log=False,
        loop="uvloop",
        http=BoundedProtocol,
        ws="none",
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_worker_healthcheck=HUNG_SECONDS,
        server_header=False,
        proxy_headers=False,
        **changes,
    )


def _guarded(settings: Settings) -> bool:
    if settings.service_auth and not Keys(settings.keys).accounts():
        raise BadSetting("service_auth is on and there is no key.", "Make one: `evergreen key add NAME`.")
    return settings.service_auth


def bind(host: str, port: int, guarded: bool = False) -> socket.socket:
    """A listening socket on a loopback address, or on any when `guarded` by keys; port 0 takes a free one.

    Raises:
        BadSetting: the address is not known, not permitted, or reachable from outside without keys.
        PortInUse: somebody else listens there.
    """
    address = _address(host, guarded)
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        listener.listen(2_048)
    except OSError as error:
        listener.close()
        raise _unbindable(host, port, error) from None
    return listener


def _address(host: str, guarded: bool) -> str:
    try:
        resolved = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise BadSetting(f"service_host {host!r} is not an address of this machine.", "Use 127.0.0.1.") from None
    addresses = [str(entry[4][0]) for entry in resolved]
    if not host or (not guarded and not all(ipaddress.ip_address(address).is_loopback for address in addresses)):
        raise BadSetting(
            f"service_host {host!r} is reachable from other machines, and nobody is asked for a key.",
            "Use 127.0.0.1, or set EVERGREEN_SERVICE_AUTH=true and make keys with `evergreen key add NAME`.",
        )
    return addresses[0]


def _unbindable(host: str, port: int, error: OSError) -> PortInUse | BadSetting:
    if error.errno == errno.EADDRINUSE:
        return PortInUse(
            f"Port {port} of {host} is in use.",
            "Stop what listens there, or set EVERGREEN_SERVICE_PORT to a free one.",
        )
    return BadSetting(f"Port {port} of {host} cannot be used: {error}.", "Set EVERGREEN_SERVICE_PORT to another.")
