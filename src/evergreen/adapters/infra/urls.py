"""Database URLs: one spelling in the settings, whatever driver a tool wants."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

_SCHEME = re.compile(r"^(postgres|postgresql)(\+\w+)?://")


def trusts_proxy(url: str) -> bool:
    """Whether a proxy of the environment counts on the way to `url`: never to this machine's loopback."""
    host = urlsplit(url).hostname or ""
    return not (host in ("localhost", "::1") or re.fullmatch(r"127(\.\d+){3}", host))


def past_proxies() -> dict[str, str]:
    """Variables for programs and libraries that ask the environment: whatever proxy it names, loopback is direct."""
    known = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    if known.strip() == "*":  # nothing goes through one; in a list the star would say nothing
        return {"NO_PROXY": "*", "no_proxy": "*"}
    names = ",".join(dict.fromkeys([*filter(None, known.split(",")), "127.0.0.1", "localhost"]))
    return {"NO_PROXY": names, "no_proxy": names}


def is_postgresql(url: str) -> bool:
    """Whether the URL names a PostgreSQL database."""
    return bool(_SCHEME.match(url))


def is_redis(url: str) -> bool:
    """Whether the URL names a Redis server."""
    return url.startswith(("redis://", "rediss://"))


def is_wellformed(url: str) -> bool:
    """Whether host, port and escapes of the URL can be read at all."""
    try:
        urlsplit(url).port  # noqa: B018  # it is read when asked for
    except ValueError:
        return False
    return not re.search(r"\s|%(?![0-9A-Fa-f]{2})", url)


def with_driver(url: str, driver: str) -> str:
    """The same URL for SQLAlchemy with `driver`; one that names no PostgreSQL database is left as it is."""
    return _SCHEME.sub(f"postgresql+{driver}://", url)


def plain(url: str) -> str:
    """The same URL without a driver, as PostgreSQL's own programs take it."""
    return _SCHEME.sub("postgresql://", url)


def without_password(url: str) -> str:
    """The same URL as it may be shown."""
    shown = re.sub(r"(://[^:@/]*):[^@/]*@", r"\1:***@", url)
    return re.sub(r"([?&]password=)[^&\s]*", r"\1***", shown)  # which PostgreSQL takes too
