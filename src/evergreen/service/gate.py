"""The first thing a request meets: by which name it came, whose page sent it, and who sends it before it is read.

A page of a stranger in somebody's browser reaches a service on loopback. It gets nowhere: a name that was made to
point here (DNS rebinding) is not one of ours, a browser says when a request comes from another site, and what
changes something needs a content type that no form can send.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evergreen.errors import EvergreenError
from evergreen.service.door import Door
from evergreen.service.problems import problem, refusal
from evergreen.service.templating import PAGE_POLICY
from evergreen.settings import Settings

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
PAGES = ("/docs", "/decisions", "/tickers/", "/papers/")  # which, and the first page, a link elsewhere may lead to
EVERYWHERE = frozenset({"0.0.0.0", "::"})
OWN_SITE = frozenset({b"", b"none", b"same-origin"})  # of Sec-Fetch-Site; empty: no browser, or an old one

_HOST = re.compile(r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[^][:@/\s]+))(?::\d{0,5})?")
_ALL = [(b"x-content-type-options", b"nosniff"), (b"cross-origin-resource-policy", b"same-origin")]
_PAGE = [*_ALL, (b"x-frame-options", b"DENY"), (b"referrer-policy", b"no-referrer")]
_POLICY = (b"content-security-policy", PAGE_POLICY.encode())


class Gate:
    """Passes on what came by a name of this service, from no foreign page, and with a key where keys are asked for."""

    def __init__(self, app: ASGIApp, settings: Settings, door: Door) -> None:
        self._app = app
        self._door = door
        self._is_ours = lru_cache(maxsize=64)(Names(settings).include)  # one client sends one name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer why not, or pass the request on; either way the answer says what a browser may do with it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.get("headers", [])
                message["headers"] = [*headers, *_rules(headers)]
            await send(message)

        await (self._refusal(scope) or self._app)(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"")
        if not self._is_ours(host):
            return problem(421, "Nobody of that name is here.", "Set EVERGREEN_SERVICE_HOSTS to the names it goes by.")
        if _is_foreign(scope, headers, host):
            return problem(403, "Pages of other sites may not ask.", "Ask from a program, or open the page itself.")
        if scope["method"] in SAFE:
            return None
        if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != b"application/json":
            return problem(415, "The body is not declared as JSON.", "Send `Content-Type: application/json`.")
        try:
            self._door.guest(HTTPConnection(scope))
        except EvergreenError as error:
            return refusal(error)
        return None


class Names:
    """The names a service goes by: loopback, what it is bound to, and those of the setting `service_hosts`."""

    def __init__(self, settings: Settings) -> None:
        further = [name.strip().lower() for name in settings.service_hosts.split(",")]
        self._names = {"localhost", "127.0.0.1", "::1", settings.service_host.lower(), *further} - {""}
        self._everywhere = settings.service_host in EVERYWHERE

    def include(self, host: bytes) -> bool:
        """Whether a Host header is one of them, on whatever port; bound everywhere, any address is."""
        name = _without_port(host.decode("latin-1").lower())
        return name in self._names or (self._everywhere and _is_address(name))


def _without_port(host: str) -> str:
    """The name or address in front of a port; empty where what stands there is no host."""
    written = _HOST.fullmatch(host)
    return written["address"] or written["name"] if written else ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_foreign(scope: Scope, headers: dict[bytes, bytes], host: bytes) -> bool:
    """Whether a browser says that another site's page sent this, other than by a link to one of our pages."""
    origin = headers.get(b"origin")
    if origin is not None and origin.partition(b"://")[2].lower() != host.lower():
        return True
    if headers.get(b"sec-fetch-site", b"") in OWN_SITE:
        return False
    return not (_is_linked(scope["path"]) and headers.get(b"sec-fetch-mode") == b"navigate")


def _rules(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """What a browser is told of an answer; a paper brings a policy of its own."""
    if not any(name == b"content-type" and value.startswith(b"text/html") for name, value in headers):
        return _ALL
    return _PAGE if any(name == _POLICY[0] for name, _ in headers) else [*_PAGE, _POLICY]


def _is_linked(path: str) -> bool:
    return path == "/" or path.startswith(PAGES)
