"""Attempts on a running service, one by one: `make test-security` prints how many of how many were held."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from urllib.parse import urlsplit

import httpx
import pytest

from evergreen.adapters.database import predictions, reading
from evergreen.service.keys import Keys
from tests.service.running import listening
from tests.service.world import World, ready_world

AT_LEAST = 350  # attempts
PAGES = (
    "/", "/docs", "/metrics", "/openapi.json", "/v1/rollout", "/v1/predictions/AAPL", "/readyz",
    "/decisions", "/decisions/1", "/tickers/AAPL", "/papers/card/1",
)  # fmt: skip
SEEN_BY_ADMINISTRATORS = ("/", "/metrics", "/decisions", "/decisions/1", "/tickers/AAPL", "/papers/card/1")
HOSTS = (
    "evil.example",
    "evil.example:80",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "8.8.8.8",
    "[::2]:80",
    "a b",
    "[::1]evil.example",
    "localhost:evil.example",
    "localhost@evil.example",
    "localhost.",
    "127.1",
    "2130706433",
    "",
)
OUTSIDE = (
    "//metrics", "/%6detrics", "/./metrics", "/docs/../metrics", "/METRICS", "/metrics;x", "/metrics%00",
    "/tickers/..%2f..%2fv1%2fpredictions%2fAAPL", "/papers/card/..%2f..%2fkeys.json", "/papers/notebook/..",
    "/decisions/%EF%BC%91", "/decisions/0x1", "/decisions/1%0a",
)  # fmt: skip
ORIGINS = (
    "http://localhost@evil.example", "http://evil.example#://localhost", "", "http://evil.example",
    "https://evil.example", "null", "http://localhost.evil.example", "http://127.0.0.1:1",
)  # fmt: skip
FORMS = (
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "",
    "text/plain; application/json",
    "application/json, text/plain",
)
CREDENTIALS = (
    "", "Bearer", "Bearer x", "Bearer desk.", "Bearer desk.wrong", "Basic !!", "Basic eA==", "Digest x",
    "bearer boss.x", "Bearer ../keys", "Token x", "Bearer desk. boss.",
    "Bearer " + "x" * 8_000, "Basic " + "eA==" * 1_000,
)  # fmt: skip
TICKERS = (
    "..%2f..%2fetc%2fpasswd",
    "%00",
    "'%20or%201=1--",
    "<script>",
    "A" * 33,
    "%F0%9F%93%88",
    "AAPL%0d%0aX-Evil:1",
    "AAPL%2f..%2f..%2fmetrics",
    "%20AAPL",
    "%E2%80%AEAAPL",
    "{{7*7}}",
)
BODIES = (
    b"{", b"null", b"[]", b'{"tickers": "AAPL"}', b'{"tickers": []}', b'{"tickers": [1e308]}', b'{"tickers": ["\xff"]}',
          b'{"tickers": ["AAPL"], "admin": true}', b'{"tickers": ["../../x"]}', b"[" * 60_000, b"x" * 70_000,
          b'{"tickers": ["' + b"A" * 33 + b'"]}', b'{"tickers": [' + b"9" * 5_000 + b"]}", b'{"tickers": ["AAPL"]} x',
          b'{"tickers": [NaN]}', b'{"tickers": ["\\ud800"]}', b'{"tickers": ["AAPL\\u0000"]}',
          b'{"tickers":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
          b'{"tickers": ["AAPL"], "__proto__": {"admin": true}}',
          b'{"tickers": [' + b",".join([b'"AAPL"'] * 5_000) + b"]}")  # fmt: skip
METHODS = ("PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "POST")
POST = b"POST /v1/predictions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
LENGTHS = (
    b"content-length: +2", b"content-length: 0x2", b"content-length: 2, 2", b"content-length: 2\r\ncontent-length: 1",
    b"transfer-encoding: xchunked", b"transfer-encoding: chunked, identity",
)  # fmt: skip
RAW = (
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: a\r\nhost: localhost\r\nhost: evil.example\r\n\r\n",
    b"GET / HTTP/9.9\r\nhost: localhost\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"a" * 40_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: localhost\r\n" + b"x: 1\r\n" * 20_000 + b"\r\n",
    b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"POST /v1/predictions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: -1\r\n\r\n",
    b"POST /v1/predictions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: localhost\r\nx\0y: 1\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: localhost\r\n evil.example\r\n\r\n",
    b"GET / HTTP/1.1\nhost: localhost\n\n",
    b"GET / HTTP/1.1\r\nhost : localhost\r\n\r\n",
    b"GET //evil.example/v1/predictions/AAPL HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"GET /v1/rollout HTTP/1.0\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: localhost\r\nupgrade: h2c\r\nconnection: upgrade, http2-settings\r\n\r\n",
    *(POST + length + b"\r\n\r\n" for length in LENGTHS),
    POST + b"transfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\nx",
    POST + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + b"x: 1\r\n" * 20_000 + b"\r\n",
)
TOLD = ("Traceback", 'File "', "sqlite", "champion", '"price"')  # what no refusal may tell


@dataclass(frozen=True)
class Attempt:
    """One try, by what it is and what came of it; `held`: it was refused, and told nothing."""

    name: str
    status: int
    text: str

    @property
    def repelled(self) -> bool:
        refused = 400 <= self.status < 500 or self.text.startswith('{"predictions":[],')
        return refused and not any(word in self.text for word in TOLD)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, str, str]]:
    """A service that asks for keys, its address and the key of a client that is no administrator."""
    world = ready_world(tmp_path_factory.mktemp("red"))
    world.use(service_auth=True, requests_per_second=0)
    key = Keys(world.settings.keys).add("desk")
    with listening(world) as base:
        yield world, base, key


def attempts(base: str, key: str) -> Iterator[Attempt]:
    known = {"authorization": f"Bearer {key}"}
    json = known | {"content-type": "application/json"}
    with httpx.Client(base_url=base, timeout=60) as client:

        def tried(name: str, method: str, path: str, **given: object) -> Attempt:
            answer = client.request(method, path, **given)  # type: ignore[arg-type]
            return Attempt(f"{name}: {method} {path}", answer.status_code, answer.text)

        for host, path in product(HOSTS, PAGES):
            yield tried(f"host {host}", "GET", path, headers=known | {"host": host})
        for origin in ORIGINS:
            yield tried(f"origin {origin}", "GET", "/v1/predictions/AAPL", headers=known | {"origin": origin})
            yield tried(f"origin {origin}", "POST", "/v1/predictions", headers=json | {"origin": origin}, content=b"{}")
        for site in ("cross-site", "same-site"):
            yield tried(site, "GET", "/v1/predictions/AAPL", headers=known | {"sec-fetch-site": site})
        for form in FORMS:
            yield tried(
                f"form {form}", "POST", "/v1/predictions", headers=known | {"content-type": form}, content=b"{}"
            )
        for credential, path in product(CREDENTIALS, (*SEEN_BY_ADMINISTRATORS, "/v1/rollout", "/v1/predictions/AAPL")):
            yield tried(f"key {credential[:20]}", "GET", path, headers={"authorization": credential})
        for path in SEEN_BY_ADMINISTRATORS:
            yield tried("a client's key", "GET", path, headers=known)
        for ticker in TICKERS:
            yield tried("ticker", "GET", f"/v1/predictions/{ticker}", headers=known)
        for body in BODIES:
            yield tried(f"body {body[:20]!r}", "POST", "/v1/predictions", headers=json, content=body)
        for path in OUTSIDE:
            yield tried("a way round", "GET", path, headers=known)
        for headers in (
            {"x-api-key": key},
            {"cookie": f"authorization=Bearer {key}"},
            {"x-forwarded-for": "127.0.0.1"},
        ):
            yield tried("a key elsewhere", "GET", "/v1/rollout", headers=headers)
        yield tried("a key in the address", "GET", f"/v1/rollout?key={key}&authorization=Bearer%20{key}")
        yield tried("another method", "POST", "/v1/rollout", headers=json | {"x-http-method-override": "GET"})
        for method, path in product(METHODS, ("/", "/v1/rollout", "/healthz")):
            yield tried("method", method, path, headers=json)
    for request in RAW:
        yield raw(base, request)


def raw(base: str, request: bytes) -> Attempt:
    """A request that no client library would send."""
    place = urlsplit(base)
    received = b""
    with socket.create_connection((str(place.hostname), int(place.port or 0)), timeout=30) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while data := connection.recv(65_536):
                received += data
        except ConnectionError:
            pass
    status = received.partition(b" ")[2][:3]
    return Attempt(f"raw {request[:40]!r}", int(status) if status.isdigit() else 499, received.decode("latin-1"))


def test_red_team__every_attempt_is_held_and_leaves_nothing(
    guarded: tuple[World, str, str], record_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]
) -> None:
    world, base, key = guarded
    tries = list(attempts(base, key))
    broken = [attempt for attempt in tries if not attempt.repelled]
    with capsys.disabled():
        print(f"\nred team: {len(tries) - len(broken)} of {len(tries)} attempts held")
    record_property("attempts", len(tries))
    assert not broken, [f"{each.name} -> {each.status} {each.text[:120]}" for each in broken]
    assert len(tries) >= AT_LEAST
    with reading(world.engine) as conn:
        assert predictions.count(conn) == 0
    right = httpx.get(f"{base}/v1/predictions/AAPL", headers={"authorization": f"Bearer {key}"})
    assert right.status_code == 200, "and whoever may come in does"
