"""Clients with bad manners, on real sockets: each comes to an end, and the others are answered meanwhile."""

from __future__ import annotations

import asyncio
import logging
import resource
import shutil
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import httpx
import pytest

from evergreen.adapters.database import predictions, reading
from evergreen.core.canary import CanaryRecord
from evergreen.core.canary.guardrails import OutputLimits
from evergreen.service import connections
from evergreen.service.connections import HEAD_BYTES, BoundedProtocol, make_room
from tests.service.running import listening
from tests.service.test_serve import process
from tests.service.world import World

GET = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n"
POST = (
    b"POST /v1/predictions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 22\r\n\r\n"
)


@pytest.fixture
def base(world: World) -> Iterator[str]:
    with listening(world) as address:
        yield address


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """For clients that are to be cut off: on a busy machine one that behaves may take as long."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(connections, "BODY_SECONDS", 0.3)


def connect(base: str) -> socket.socket:
    place = urlsplit(base)
    return socket.create_connection((str(place.hostname), int(place.port or 0)), timeout=60)


def answer_to(base: str, *parts: bytes, pause: float = 0.0) -> bytes:
    """All that comes back until the service closes the connection."""
    with connect(base) as client:
        try:
            for part in parts:
                client.sendall(part)
                time.sleep(pause)
        except OSError:
            pass  # it has been closed already
        return to_end(client)


def to_end(client: socket.socket) -> bytes:
    received = b""
    try:
        while data := client.recv(65_536):
            received += data
    except ConnectionResetError:
        pass
    return received


@pytest.mark.usefixtures("hurried")
def test_connection__that_says_nothing_is_closed(base: str) -> None:
    assert answer_to(base).startswith(b"HTTP/1.1 408 ")


@pytest.mark.usefixtures("hurried")
def test_head__sent_byte_by_byte_ends_though_it_goes_on(base: str) -> None:
    slow = [b"GET /healthz HTTP/1.1\r\n", *(b"x-%d: 1\r\n" % number for number in range(40))]
    assert answer_to(base, *slow, pause=0.05).startswith(b"HTTP/1.1 408 ")


@contextmanager
def deaf(base: str, last: bytes = b"") -> Iterator[socket.socket]:
    """A client that asks for 8 MB, more than the kernel takes, `last` among the headers in the end, and reads none."""
    with connect(base) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        head = b"GET /docs HTTP/1.1\r\nhost: localhost\r\n"
        client.sendall((head + b"\r\n") * 350 + head + last + b"\r\n")
        yield client


def wait_for_nobody() -> None:
    until = time.monotonic() + 60
    while BoundedProtocol._by_address["127.0.0.1"]:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_answers__that_nobody_reads_are_not_kept_for_ever(
    base: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connections, "READ_SECONDS", 0.3)
    logging.getLogger("uvicorn.error").addHandler(caplog.handler)
    with deaf(base):
        wait_for_nobody()
    assert httpx.get(f"{base}/healthz").status_code == 200
    assert not caplog.records, "what a client does is no fault of the service"


@pytest.mark.parametrize("last", [b"", b"connection: close\r\n"])
def test_answers__that_nobody_reads_to_the_end_are_not_kept_for_ever(
    base: str, monkeypatch: pytest.MonkeyPatch, last: bytes
) -> None:
    """Written, as far as the service knows: what is left is too little for it to wait before it writes more."""
    begin = BoundedProtocol.connection_made

    def roomy(protocol: BoundedProtocol, transport: asyncio.Transport) -> None:
        begin(protocol, transport)
        transport.set_write_buffer_limits(high=2**30)
        protocol.timeout_keep_alive = 0.1

    monkeypatch.setattr(BoundedProtocol, "connection_made", roomy)
    monkeypatch.setattr(connections, "READ_SECONDS", 0.3)
    with deaf(base, last):
        wait_for_nobody()


def test_body__that_does_not_come_is_not_waited_for_and_nothing_is_on_record(
    base: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "BODY_SECONDS", 0.3)
    assert answer_to(base, POST, b'{"tickers": ').startswith(b"HTTP/1.1 408 ")
    with reading(world.engine) as conn:
        assert predictions.count(conn) == 0


def test_second_request__of_a_connection_has_no_longer_time(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with connect(base) as client:
        client.sendall(GET + b"\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 200 ")
        monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
        client.sendall(GET)
        assert to_end(client).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    "head",
    [GET + b"x: " + b"a" * (2 * HEAD_BYTES), GET + b"".join(b"x-%d: 1\r\n" % number for number in range(20_000)),
     b"GET /" + b"a" * (2 * HEAD_BYTES), GET + b"x: " + b"a" * (2 * HEAD_BYTES) + b"\r\n\r\n"],
    ids=["endless header", "20,000 headers", "endless path", "one whole header"],
)  # fmt: skip
def test_head__over_the_limit_is_refused(base: str, head: bytes) -> None:
    assert answer_to(base, head).startswith(b"HTTP/1.1 431 ")


def test_connections__over_the_limit_are_refused_and_those_that_are_in_are_answered(
    base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 60.0)  # longer than this takes
    monkeypatch.setattr(BoundedProtocol, "room", 16)
    with ExitStack() as stack, httpx.Client(base_url=base) as known:
        assert known.get("/healthz").status_code == 200
        idle = [stack.enter_context(connect(base)) for _ in range(40)]
        assert known.get("/v1/predictions/AAPL").status_code == 200
        refused = [client for client in idle[16:] if to_end(client).startswith(b"HTTP/1.1 503 ")]
        assert len(refused) == len(idle[16:])
        for client in idle:
            client.close()
    assert httpx.get(f"{base}/healthz", timeout=30).status_code == 200


def test_connections__of_one_address_leave_room_for_another(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 60.0)  # longer than this takes
    monkeypatch.setattr(BoundedProtocol, "room", 16)
    other = httpx.HTTPTransport(local_address="127.0.0.2")
    with ExitStack() as stack, httpx.Client(base_url=base, transport=other) as client:
        idle = [stack.enter_context(connect(base)) for _ in range(40)]
        assert to_end(idle[-1]).startswith(b"HTTP/1.1 503 ")
        assert client.get("/healthz").status_code == 200


def test_make_room__leaves_descriptors_for_the_database() -> None:
    room = make_room()
    assert 1 <= room <= connections.CONNECTIONS
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft == resource.RLIM_INFINITY or room + connections.RESERVE <= soft or room == 1


def test_descriptors__run_short_and_who_is_in_and_the_guardrails_still_work(world: World) -> None:
    if shutil.which("prlimit") is None:
        pytest.skip("prlimit is not installed")
    few = connections.RESERVE + 20
    with ExitStack() as stack:
        _, base = stack.enter_context(process(world, "prlimit", f"--nofile={few}:{few}"))
        known = stack.enter_context(httpx.Client(base_url=base, timeout=60))
        assert known.get("/v1/predictions/AAPL").status_code == 200
        idle = [stack.enter_context(connect(base)) for _ in range(few)]
        assert to_end(idle[-1]).startswith(b"HTTP/1.1 503 ")
        tight = OutputLimits(residual_sigma=1.0, target_low=-1e-9, target_high=1e-9)
        world.change_rollout(evidence=CanaryRecord(limits=tight))
        until = time.monotonic() + 120
        while world.rollout().challenger is not None:
            assert known.get("/v1/predictions/AAPL").status_code == 200 and time.monotonic() < until
            time.sleep(0.1)


def statuses(base: str, connections: int, requests: int, one_name: bool) -> Counter[int]:
    """What so many connections at once are answered, each asking so many times."""

    async def ask(number: int) -> list[int]:
        place = urlsplit(base)
        reader, writer = await asyncio.open_connection(str(place.hostname), int(place.port or 0))
        name = "one" if one_name else f"client {number}"
        answers = []
        for _ in range(requests):
            writer.write(
                f"GET /v1/predictions/AAPL HTTP/1.1\r\nhost: localhost\r\nx-client-id: {name}\r\n\r\n".encode()
            )
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            await reader.readexactly(int(head.split("content-length: ")[1].split("\r\n")[0]))
            answers.append(int(head.split()[1]))
        writer.close()
        return answers

    async def all_at_once() -> list[list[int]]:
        return await asyncio.gather(*(ask(number) for number in range(connections)))

    return Counter(status for answers in asyncio.run(all_at_once()) for status in answers)


def test_connections__512_at_once_are_all_answered_and_only_a_clients_own_rate_refuses(world: World) -> None:
    make_room()
    world.use(requests_per_second=10)
    with listening(world) as base:
        assert statuses(base, 512, 3, one_name=False) == {200: 1_536}
        counted = statuses(base, 512, 8, one_name=True)
    assert set(counted) == {200, 429}, "ten requests a second are one client's share"
