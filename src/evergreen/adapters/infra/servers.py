"""A look at a team's servers: whether they answer, and what they run."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from evergreen.adapters.infra.urls import plain, without_password
from evergreen.errors import BadSetting, Broken, Unavailable

PATIENCE = 5  # seconds for a server to answer
OLDEST_POSTGRESQL = 13  # of those that Prefect, MLflow and Feast are tested with


def look_at_postgresql(url: str) -> str:
    """The version a database's server runs.

    Raises:
        Unavailable: no answer, or no such database or account.
        BadSetting: no URL of PostgreSQL, or a server too old.
    """
    import psycopg

    shown = without_password(url)
    try:
        with psycopg.connect(plain(url), connect_timeout=PATIENCE) as connection:
            version = connection.info.server_version
    except psycopg.ProgrammingError:  # which may quote what is secret
        raise BadSetting(f"{shown} is no URL of PostgreSQL.", "Give postgresql://user:password@host/name.") from None
    except psycopg.OperationalError as error:
        raise Unavailable(
            f"{shown} did not answer: {_first_line(error)}.", "Start the server, make the database, or mend its URL."
        ) from None
    if version // 10_000 < OLDEST_POSTGRESQL:
        raise BadSetting(f"{shown} runs PostgreSQL {version // 10_000}.", f"Use {OLDEST_POSTGRESQL} or newer.")
    return f"{shown} runs PostgreSQL {version // 10_000}.{version % 10_000}"


def look_at_redis(url: str) -> str:
    """The version a Redis server runs.

    Raises:
        Unavailable: no answer, or a wrong password.
        BadSetting: no URL of Redis, or one that may throw away what is served when its memory is full.
    """
    from redis import Redis
    from redis.exceptions import RedisError

    shown = without_password(url)
    try:
        server = Redis.from_url(url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
        info = cast("dict[str, Any]", server.info())
    except ValueError:
        raise BadSetting(f"{shown} is no URL of Redis.", "Give redis://user:password@host:6379/0.") from None
    except RedisError as error:
        raise Unavailable(f"{shown} did not answer: {_first_line(error)}.", "Start it or mend its URL.") from None
    if info["maxmemory"] and info["maxmemory_policy"] != "noeviction":
        raise BadSetting(
            f"{shown} evicts keys when its memory is full ({info['maxmemory_policy']}).",
            "Type `redis-cli config set maxmemory-policy noeviction`: what is evicted is served no more.",
        )
    return f"{shown} runs Redis {info['redis_version']}"


def look_at_sqlite(file: Path) -> None:
    """Pass if the file is a SQLite database, or not there yet.

    Raises:
        Broken: something else is there.
    """
    if not file.exists():
        return
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as connection:
            connection.execute("pragma schema_version")
    except sqlite3.Error as error:
        raise Broken(f"{file} cannot be read: {error}.", "Restore it from a backup.") from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
