"""Feast's registry and online store on a team's servers, in place of files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from evergreen.adapters.infra.urls import is_postgresql, is_redis, is_wellformed, with_driver, without_password
from evergreen.errors import BadSetting, Unavailable


@dataclass(frozen=True)
class Servers:
    """URLs of what is kept on a server; an empty one stands for a file.

    Attributes:
        registry: PostgreSQL database of feature definitions.
        online: PostgreSQL or Redis (redis:// or rediss://) that features are served from.

    Raises:
        BadSetting: a URL of another kind.
    """

    registry: str = ""
    online: str = ""

    def __post_init__(self) -> None:
        if self.registry and not (is_postgresql(self.registry) and is_wellformed(self.registry)):
            raise _unusable("feature_registry", self.registry, "postgresql://user:password@host/name")
        if self.online and not ((is_postgresql(self.online) or is_redis(self.online)) and is_wellformed(self.online)):
            raise _unusable("online_store", self.online, "postgresql://user:password@host/name or redis://host/0")

    @property
    def mark(self) -> str:
        """A short name of the online store; empty for a file."""
        return hashlib.sha256(self.online.encode()).hexdigest()[:8] if self.online else ""

    def configured(self, raw: dict[str, Any]) -> dict[str, Any]:
        """`raw`, a feature_store.yaml as read, with these servers in place of its files."""
        changes: dict[str, Any] = {}
        if self.registry:
            own = {"registry_type": "sql", "path": with_driver(self.registry, "psycopg")}
            changes["registry"] = own | {"cache_ttl_seconds": raw["registry"].get("cache_ttl_seconds", 60)}
        if self.online:
            changes["online_store"] = _redis(self.online) if is_redis(self.online) else _postgresql(self.online)
        return raw | changes


@contextmanager
def answering(servers: Servers) -> Iterator[None]:
    """Turn what the servers' drivers raise into one sentence; does nothing where there are only files.

    Raises:
        Unavailable: a server did not answer, or refused.
    """
    if servers == Servers():
        yield
        return
    from psycopg import Error as PostgresqlError
    from redis.exceptions import RedisError
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except (PostgresqlError, RedisError, DBAPIError) as error:
        places = " or ".join(without_password(url) for url in (servers.registry, servers.online) if url)
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise Unavailable(
            f"the feature store at {places} did not answer: {reason}.", "Type `evergreen doctor`."
        ) from error


def _postgresql(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    return {
        "type": "evergreen.adapters.feast.newest_postgresql.NewestPostgresqlOnlineStore",
        "host": parts.hostname or "localhost",
        "port": parts.port or 5432,
        "database": parts.path.lstrip("/"),
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "sslmode": parse_qs(parts.query).get("sslmode", ["prefer"])[0],
    }


def _redis(url: str) -> dict[str, Any]:
    return {"type": "evergreen.adapters.feast.newest_redis.NewestRedisOnlineStore", "url": url}


def _unusable(setting: str, url: str, example: str) -> BadSetting:
    return BadSetting(f"the setting {setting}, {without_password(url)!r}, cannot be used.", f"Give {example}.")
