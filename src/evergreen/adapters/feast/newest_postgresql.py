"""Feast's PostgreSQL online store, in which an older value never replaces a newer one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import psycopg
from feast.feature_view import FeatureView
from feast.infra.online_stores.helpers import compute_table_id
from feast.infra.online_stores.postgres_online_store.postgres import PostgreSQLOnlineStore, PostgreSQLOnlineStoreConfig
from feast.infra.utils.postgres.connection_utils import _get_conn
from psycopg import sql

from evergreen.adapters.feast.newest import Instants, Row, entity_keys, instants, not_older


class NewestPostgresqlOnlineStoreConfig(PostgreSQLOnlineStoreConfig):  # type: ignore[misc]
    """As Feast's PostgreSQL store is configured."""

    type: Literal["evergreen.adapters.feast.newest_postgresql.NewestPostgresqlOnlineStore"]


class NewestPostgresqlOnlineStore(PostgreSQLOnlineStore):  # type: ignore[misc]
    """Writes a row only if its event, or of the same event its version, is not older than what is stored.

    Its one connection is opened anew after the server dropped it; Feast's own would stay broken.
    """

    _conn: psycopg.Connection | None = None

    def online_write_batch(
        self, config: Any, table: FeatureView, data: list[Row], progress: Callable[[int], Any] | None
    ) -> None:
        """See the class."""
        keys = entity_keys(config, data)
        newer = not_older(data, keys, self._stored(config, table, keys))
        if newer:
            super().online_write_batch(config, table, newer, progress)

    def _stored(self, config: Any, table: FeatureView, keys: list[bytes]) -> Instants:
        name = compute_table_id(config.project, table, config.registry.enable_online_feature_view_versioning)
        query = sql.SQL(
            "select entity_key, max(event_ts), max(created_ts) from {} where entity_key = any(%s) group by 1"
        ).format(sql.Identifier(name))
        with self._get_conn(config, autocommit=True) as connection:
            rows = connection.execute(query, (keys,)).fetchall()
        # Feast writes a zoneless UTC time, which the server takes for its own zone's and answers in it.
        return {
            bytes(key): instants(event.replace(tzinfo=None), created and created.replace(tzinfo=None))
            for key, event, created in rows
        }

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
