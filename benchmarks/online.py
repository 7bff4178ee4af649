"""Online values in Feast's own layout, a row a value, beside one row a key: what a session takes, writes and leaves.

    python -m benchmarks.online [--tickers 505 5000]

A session of 158 random features and a price is materialized over the one before it, compared, and all is read once
more, by `Features` on SQLite and on a PostgreSQL server of its own (Debian's package `postgresql`; without waiting for
the disk). Seconds are the least of three sessions, of this process's processor and of the clock: the clock has the
server's work too. MB written are those of the last session, given to SQLite's files or put into the server's log.
Feast's own layout is written by Feast's own stores, which compare nothing with what stands.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd
import psycopg
from feast.infra.online_stores.postgres_online_store.postgres import PostgreSQLOnlineStore
from feast.infra.online_stores.sqlite import SqliteOnlineStore

from benchmarks.session import bytes_written
from evergreen.adapters.feast import Features, Servers
from evergreen.adapters.feast.newest import NewestSqliteOnlineStore
from evergreen.adapters.feast.newest_postgresql import NewestPostgresqlOnlineStore
from tests.services.servers import Postgresql, running_postgresql
from tests.unit.adapters.feast.rows import REPO, SESSIONS, Rows, at_close

WALKED = 4  # sessions; the first pays for imports and tables
LAYOUTS = ("a row a value", "a row a key")
NAMES = ("materialize, processor s", "materialize, s", "read, processor s", "read, s", "MB written")


@contextmanager
def feasts_layout(own: type, feasts: type) -> Iterator[None]:
    """Have Evergreen's store keep its values as Feast's own does."""

    def read(self: Any, config: Any, view: Any, keys: list[Any], names: list[str] | None = None) -> Any:
        """Feast's PostgreSQL store fails without names."""
        return vars(feasts)["online_read"](self, config, view, keys, [field.name for field in view.features])

    methods = {name: getattr(feasts, name) for name in ("online_write_batch", "update")}
    with patch.multiple(own, **methods, online_read=read):
        yield


def walk(store: Features, tickers: list[str], written: Callable[[], int]) -> dict[str, float]:
    """What sessions take and write that are materialized one over the other, then read."""
    sessions = []
    for number in range(WALKED):
        Rows(tickers, SESSIONS[number : number + 1], seed=number).write(store)
        until, before = at_close(SESSIONS[number]), written()
        materialized = timed(lambda until=until: store.materialize(until))  # type: ignore[misc]
        mb = (written() - before) / 1e6
        sessions.append([*materialized, *timed(lambda: store.read_online(tickers)), mb])
    table = pd.DataFrame(sessions, columns=list(NAMES))[1:]
    return {**table.min(), "MB written": table["MB written"].iloc[-1]}


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of this process's processor, and of the clock."""
    processor, clock = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - processor, time.perf_counter() - clock


def on_sqlite(folder: Path, tickers: list[str]) -> dict[str, float]:
    """What a store in files takes, and what it then holds."""
    store = Features(folder, REPO)
    figures = walk(store, tickers, bytes_written)
    with closing(sqlite3.connect(folder / "online.db")) as connection:
        listing = "select name from sqlite_master where type = 'table' and name like 'evergreen_alpha158%'"
        [(table,)] = connection.execute(listing)
        [(rows,)] = connection.execute(f'select count(*) from "{table}"')
    return figures | {"MB held": sum(file.stat().st_size for file in folder.glob("online.db*")) / 1e6, "rows": rows}


def on_postgresql(folder: Path, tickers: list[str], server: Postgresql) -> dict[str, float]:
    """What a store on the server takes, and what it then holds."""
    url = server.database()
    with psycopg.connect(url, autocommit=True) as connection:

        def number(query: str) -> int:
            return next(int(value) for (value,) in connection.execute(query.encode()))

        store = Features(folder, REPO, servers=Servers("", url))
        figures = walk(store, tickers, lambda: number("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn"))
        size = number(
            "select sum(pg_total_relation_size(oid)) from pg_class where relname like 'evergreen%' and relkind = 'r'"
        )
        listing = "select tablename from pg_tables where tablename like 'evergreen_alpha158%'"
        [(table,)] = connection.execute(listing)
        return figures | {"MB held": size / 1e6, "rows": number(f'select count(*) from "{table}"')}


def main() -> None:
    """Print both layouts of both stores, for each number of tickers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickers", type=int, nargs="+", default=[505, 5000])
    sizes = parser.parse_args().tickers
    with running_postgresql() as server:
        stores = {
            "SQLite": (on_sqlite, NewestSqliteOnlineStore, SqliteOnlineStore),
            "PostgreSQL": (
                lambda folder, tickers: on_postgresql(folder, tickers, server),
                NewestPostgresqlOnlineStore,
                PostgreSQLOnlineStore,
            ),
        }
        for size in sizes:
            tickers = [f"T{number:05}" for number in range(size)]
            sides = {}
            for name, (measure, own, feasts) in stores.items():
                for layout in LAYOUTS:
                    stored = feasts_layout(own, feasts) if layout == LAYOUTS[0] else nullcontext()
                    with tempfile.TemporaryDirectory() as folder, stored:
                        sides[name, layout] = measure(Path(folder), tickers)
            print(f"{size} tickers\n{pd.DataFrame(sides).round(2).to_string()}\n", flush=True)


if __name__ == "__main__":
    main()
