"""Feast's SQLite online store, in which an older value never replaces a newer one.

Feast's own SQLite and PostgreSQL stores overwrite: materializing an old window again, by hand or by a retry, takes
what is served back in time. Its Redis store refuses the older event, but a correction of the newest one as well.

    online_store:
      type: evergreen.adapters.feast.newest.NewestSqliteOnlineStore
      path: online.db
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal

from feast.infra.online_stores.sqlite import SqliteOnlineStore, SqliteOnlineStoreConfig

from evergreen.adapters.feast.by_key import COLUMNS, UNLESS_OLDER, OneRowAKey, OnlineTables, StoredRow, ValueRow


class NewestSqliteOnlineStoreConfig(SqliteOnlineStoreConfig):  # type: ignore[misc]
    """As Feast's SQLite store is configured."""

    type: Literal["evergreen.adapters.feast.newest.NewestSqliteOnlineStore"]


class SqliteTables(OnlineTables):
    """Tables in an SQLite file; a transaction that writes is the only one."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def write(self, name: str, rows: Sequence[StoredRow]) -> None:
        """See `OnlineTables`."""
        self._connection.executemany(
            f'insert into "{self._table(name)}" as stored values (?, ?, ?, ?) {UNLESS_OLDER}', rows
        )

    def read(self, name: str, keys: Sequence[bytes]) -> list[StoredRow]:
        """See `OnlineTables`."""
        if self._stands(self._table(name)):
            return self._read(name, keys)
        with self._connection:
            self._connection.execute("begin")  # a view of one moment: a writer may be moving what stands
            return self._read_either(name, keys)

    def _read(self, name: str, keys: Sequence[bytes]) -> list[StoredRow]:
        query = f'select {COLUMNS} from "{self._table(name)}" where entity_key = ?'
        return [StoredRow(*row) for key in keys for row in self._connection.execute(query, (key,))]

    def _keep_others_out(self, name: str) -> None:
        """They are, by the transaction."""

    def _stands(self, table: str) -> bool:
        query = "select 1 from sqlite_master where name = ?"
        return self._connection.execute(query, (table,)).fetchone() is not None

    def _create(self, name: str) -> None:
        columns = 'entity_key blob primary key, "values" blob, event integer, created integer'
        self._connection.execute(f'create table if not exists "{self._table(name)}" ({columns})')

    def _drop(self, table: str) -> None:
        self._connection.execute(f'drop table if exists "{table}"')

    def _values(self, name: str, keys: Sequence[bytes] | None = None) -> Iterator[ValueRow]:
        if keys is None:
            keys = [key for (key,) in self._connection.execute(f'select distinct entity_key from "{name}"')]
        query = f'select feature_name, value, event_ts + 0, created_ts + 0 from "{name}" where entity_key = ?'
        for key in sorted(set(keys)):
            for feature, value, event, created in self._connection.execute(query, (key,)).fetchall():
                yield key, feature, value, _as_written(event), created and _as_written(created)


class NewestSqliteOnlineStore(OneRowAKey, SqliteOnlineStore):  # type: ignore[misc]
    """Feast's SQLite store with one row a key; see `OneRowAKey`."""

    def plan(self, config: Any, desired_registry_proto: Any) -> list[Any]:
        """Nothing that `feast apply` would make: the first write makes a view's table."""
        return []

    @contextmanager
    def _reading(self, config: Any) -> Iterator[OnlineTables]:
        yield SqliteTables(self._get_conn(config))

    @contextmanager
    def _writing(self, config: Any) -> Iterator[OnlineTables]:
        connection: sqlite3.Connection = self._get_conn(config)
        with connection:
            connection.execute("begin immediate")
            yield SqliteTables(connection)


def _as_written(seconds: int) -> datetime:
    """Feast writes a zoneless UTC time as if it were local time, in whole seconds."""
    return datetime.fromtimestamp(seconds)
