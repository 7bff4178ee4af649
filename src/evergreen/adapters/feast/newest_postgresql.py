"""Feast's PostgreSQL online store, in which an older value never replaces a newer one."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal

import psycopg
from feast.infra.online_stores.postgres_online_store.postgres import PostgreSQLOnlineStore, PostgreSQLOnlineStoreConfig
from feast.infra.utils.postgres.connection_utils import _get_conn
from psycopg import sql

from evergreen.adapters.feast.by_key import COLUMNS, UNLESS_OLDER, OneRowAKey, OnlineTables, StoredRow, ValueRow

_LONGEST = 63  # bytes of a name: PostgreSQL cuts what is longer, and two names may then be one


class NewestPostgresqlOnlineStoreConfig(PostgreSQLOnlineStoreConfig):  # type: ignore[misc]
    """As Feast's PostgreSQL store is configured."""

    type: Literal["evergreen.adapters.feast.newest_postgresql.NewestPostgresqlOnlineStore"]


class PostgresqlTables(OnlineTables):
    """Tables in a PostgreSQL database, whose transactions run beside each other."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def write(self, name: str, rows: Sequence[StoredRow]) -> None:
        """See `OnlineTables`. In the order of the keys, so that two writers wait for each other and never both."""
        newest = {row.entity_key: row for row in sorted(rows, key=lambda row: (row.entity_key, row.event, row.created))}
        columns = [[row[column] for row in newest.values()] for column in range(4)]
        arrays = "unnest(%b::bytea[], %b::bytea[], %b::bigint[], %b::bigint[])"
        self._execute(f"insert into {{}} as stored select * from {arrays} {UNLESS_OLDER}", self._table(name), columns)

    def read(self, name: str, keys: Sequence[bytes]) -> list[StoredRow]:
        """See `OnlineTables`."""
        try:
            return self._read(name, keys)
        except psycopg.errors.UndefinedTable:
            with self._connection.transaction():
                self._lock()
                return self._read_either(name, keys)

    def _read(self, name: str, keys: Sequence[bytes]) -> list[StoredRow]:
        rows = self._execute(f"select {COLUMNS} from {{}} where entity_key = any(%b)", self._table(name), [list(keys)])
        return [StoredRow(*row) for row in rows]

    def _table(self, name: str) -> str:
        whole = super()._table(name)
        if len(whole.encode()) <= _LONGEST:
            return whole
        return super()._table(hashlib.sha256(name.encode()).hexdigest()[:48])

    def _keep_others_out(self, name: str) -> None:
        self._lock()
        for table in (name, self._table(name)):
            if self._stands(table):
                self._execute("lock table {} in access exclusive mode", table)

    def _lock(self) -> None:
        """Wait for those who make tables, until the transaction ends; `if not exists` alone fails beside another."""
        self._connection.execute("select pg_advisory_xact_lock(hashtextextended('evergreen online by key', 0))")

    def _stands(self, table: str) -> bool:
        query = "select 1 from pg_class where relname = %s::name and pg_table_is_visible(oid)"  # `to_regclass` may lag
        return self._connection.execute(query, (table,)).fetchone() is not None

    def _create(self, name: str) -> None:
        columns = 'entity_key bytea primary key, "values" bytea, event bigint, created bigint'
        self._execute(f"create table if not exists {{}} ({columns})", self._table(name))

    def _drop(self, table: str) -> None:
        self._execute("drop table if exists {}", table)

    def _values(self, name: str, keys: Sequence[bytes] | None = None) -> Iterator[ValueRow]:
        query = "select entity_key, feature_name, value, event_ts, created_ts from {}"
        chosen = "" if keys is None else " where entity_key = any(%b)"
        parameters = [] if keys is None else [list(keys)]
        for *value, event, created in self._execute(f"{query}{chosen} order by 1", name, parameters):
            yield *value, _as_written(event), created and _as_written(created)

    def _execute(self, query: str, table: str, parameters: Sequence[Any] = ()) -> Any:
        return self._connection.execute(sql.SQL(query).format(sql.Identifier(table)), parameters, binary=True)


class NewestPostgresqlOnlineStore(OneRowAKey, PostgreSQLOnlineStore):  # type: ignore[misc]
    """Feast's PostgreSQL store with one row a key; see `OneRowAKey`.

    Its one connection is opened anew after the server dropped it; Feast's own would stay broken.
    """

    _conn: psycopg.Connection | None = None

    def update(self, config: Any, *arguments: Any, **named: Any) -> None:
        """As `OneRowAKey.update`, in the schema that Feast's own makes."""
        PostgreSQLOnlineStore.update(self, config, [], [], [], [], partial=True)
        super().update(config, *arguments, **named)

    def teardown(self, config: Any, tables: Sequence[Any], entities: Sequence[Any]) -> None:
        """Remove the tables of the views."""
        self.update(config, tables, [], entities, [], partial=True)

    async def online_read_async(self, *arguments: Any, **named: Any) -> Any:
        """As `online_read`, in a thread."""
        return await asyncio.to_thread(self.online_read, *arguments, **named)

    @staticmethod
    def _should_batch(*arguments: Any) -> bool:
        """Never: Feast's one query for several views reads its own layout."""
        return False

    @contextmanager
    def _reading(self, config: Any) -> Iterator[OnlineTables]:
        with self._get_conn(config, autocommit=True) as connection:
            yield PostgresqlTables(connection)

    @contextmanager
    def _writing(self, config: Any) -> Iterator[OnlineTables]:
        with self._get_conn(config, autocommit=True) as connection, connection.transaction():
            yield PostgresqlTables(connection)

    @contextmanager
    def _get_conn(self, config: Any, autocommit: bool = False) -> Iterator[psycopg.Connection]:
        if self._conn is None or self._conn.closed:
            self._conn = _get_conn(config.online_store)
        connection = self._conn
        try:
            connection.set_autocommit(autocommit)
            yield connection
        except psycopg.Error:
            connection.close()
            raise


def _as_written(moment: datetime) -> datetime:
    """Feast writes a zoneless UTC time, which the server takes for its own zone's and answers in it."""
    return moment.replace(tzinfo=None)
