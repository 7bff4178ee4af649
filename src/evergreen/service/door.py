"""Who comes in: the account behind a key, and how often a client may ask."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable

from starlette.requests import HTTPConnection

from evergreen.errors import BadInput, Broken, KeyRefused, NotPermitted, TooManyRequests, Unavailable
from evergreen.service.keys import Account, Keys

ANONYMOUS = "anonymous"
LONGEST = 128  # characters of a client's name, which is written into every row
CLIENTS = 100_000  # buckets kept at once, some 20 MB


class Rate:
    """A token bucket for each client: `limit` requests a second, as many at once after a pause; 0 is no limit."""

    def __init__(self, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, client: str) -> None:
        """Count one request.

        Raises:
            TooManyRequests: the client's bucket is empty.
        """
        if self._limit <= 0:
            return
        now = self._clock()
        left, before = self._left.get(client, (self._limit, now))
        left = min(self._limit, left + (now - before) * self._limit)
        if left < 1:
            raise TooManyRequests(f"More than {self._limit:g} requests a second.", "Ask for many tickers at once.")
        if len(self._left) >= CLIENTS and client not in self._left:
            self._left.clear()  # everybody starts with a full bucket again; memory stays bounded
        self._left[client] = (left - 1, now)


class Door:
    """Lets a request in or says why not. Without `keys` nobody is asked for one."""

    def __init__(self, keys: Keys | None, rate: Rate) -> None:
        self._keys = keys
        self._rate = rate

    def client(self, request: HTTPConnection) -> str:
        """The client a forecast is for: the key's account; without keys the header X-Client-Id.

        Raises:
            KeyRefused: no key, or nobody's.
            BadInput: an X-Client-Id that is too long.
            TooManyRequests: over the rate.
        """
        name = self._named(request) if self._keys is None else self.account(request).name
        self._rate.take(name)
        return name

    def account(self, request: HTTPConnection) -> Account:
        """The account behind the request's key.

        Raises:
            KeyRefused: keys are not in use here, none was given, or it is nobody's.
            Unavailable: the keys cannot be read; why is not for a stranger to know.
        """
        if self._keys is None:
            raise KeyRefused("This service has no keys.", "Set EVERGREEN_SERVICE_AUTH=true and make some.")
        key = _offered(request.headers.get("authorization", ""))
        if not key:
            raise KeyRefused("A key is needed.", "Send it as `Authorization: Bearer KEY`.")
        try:
            return self._keys.verify(key)
        except Broken:
            raise Unavailable("The keys cannot be read.", "`evergreen key list` says why.") from None

    def admin(self, request: HTTPConnection) -> Account:
        """The administrator behind the request's key.

        Raises:
            KeyRefused: as `account`.
            NotPermitted: a key that is no administrator's.
        """
        account = self.account(request)
        if not account.admin:
            raise NotPermitted(f"The key of {account.name!r} is for forecasts only.", "Use an administrator's.")
        return account

    def viewer(self, request: HTTPConnection) -> None:
        """Let in who may see the pages: anybody without keys, else an administrator.

        Raises:
            KeyRefused: as `account`.
            NotPermitted: as `admin`.
        """
        if self._keys is not None:
            self.admin(request)

    def guest(self, request: HTTPConnection) -> None:
        """Let in any account; anybody without keys.

        Raises:
            KeyRefused: as `account`.
        """
        if self._keys is not None:
            self.account(request)

    def _named(self, request: HTTPConnection) -> str:
        name = request.headers.get("x-client-id", "").strip()
        if len(name) > LONGEST:
            raise BadInput(f"X-Client-Id is longer than {LONGEST} characters.", "Use a shorter one.")
        return name or ANONYMOUS


def _offered(header: str) -> str:
    """The key in an Authorization header: a Bearer token, or the password of Basic (what browsers send)."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
