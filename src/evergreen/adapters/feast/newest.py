"""Feast's online stores, in which an older value never replaces a newer one.

Feast's own SQLite and PostgreSQL stores overwrite: materializing an old window again, by hand or by a retry, takes
what is served back in time. Its Redis store refuses the older event, but a correction of the newest one as well.

    online_store:
      type: evergreen.adapters.feast.newest.NewestSqliteOnlineStore
      path: online.db
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal

from feast.feature_view import FeatureView
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.infra.online_stores.helpers import compute_table_id
from feast.infra.online_stores.sqlite import SqliteOnlineStore, SqliteOnlineStoreConfig
from feast.utils import to_naive_utc

from evergreen.adapters.feast import by_key

_NEVER = (-(2**63), 0)  # before any instant that 64 bits can tell
Row = tuple[Any, dict[str, Any], datetime, datetime | None]  # entity key, values, event, created
Instants = dict[bytes, tuple[int, int]]  # by entity key: event and created


def entity_keys(config: Any, data: Sequence[Row]) -> list[bytes]:
    """The stored form of each row's entity key."""
    return [serialize_entity_key(row[0], config.entity_key_serialization_version) for row in data]


def not_older(data: Sequence[Row], keys: Sequence[bytes], stored: Instants) -> list[Row]:
    """The rows whose event, or of the same event whose version, is not older than what is stored under their key."""
    return [row for key, row in zip(keys, data, strict=True) if instants(row[2], row[3]) >= stored.get(key, _NEVER)]


def instants(event: datetime, created: datetime | None) -> tuple[int, int]:
    """In whole seconds, as fine as Feast's stores tell them: a zoneless UTC time read as local time."""
    first, second = (0 if moment is None else int(to_naive_utc(moment).timestamp()) for moment in (event, created))
    return first, second


class NewestSqliteOnlineStoreConfig(SqliteOnlineStoreConfig):  # type: ignore[misc]
    """As Feast's SQLite store is configured."""

    type: Literal["evergreen.adapters.feast.newest.NewestSqliteOnlineStore"]


class NewestSqliteOnlineStore(SqliteOnlineStore):  # type: ignore[misc]
    """Writes a row only if its event, or of the same event its version, is not older than what is stored.

    A key has one row in a view's table (`by_key`). Values in Feast's own layout, as versions before wrote them, are
    read as they stand until the next write takes them over.
    """

    def online_write_batch(
        self, config: Any, table: FeatureView, data: list[Row], progress: Callable[[int], Any] | None
    ) -> None:
        """See the class."""
        rows = [(key, *row[1:]) for key, row in zip(entity_keys(config, data), data, strict=True)]
        with self._writing(config) as connection:
            by_key.make(connection, _name(config, table))
            by_key.write(connection, _name(config, table), rows)
        if progress:
            progress(len(rows))

    def online_read(
        self, config: Any, table: FeatureView, entity_keys: list[Any], requested_features: list[str] | None = None
    ) -> list[tuple[datetime | None, dict[str, Any] | None]]:
        """Event (UTC) and all values of each key, in the order of the keys; (None, None) where it has none."""
        connection, name = self._get_conn(config), _name(config, table)
        if not by_key.stands(connection, name):
            return list(super().online_read(config, table, entity_keys, requested_features))
        version = config.entity_key_serialization_version
        return by_key.read(connection, name, [serialize_entity_key(key, version) for key in entity_keys])

    def update(
        self,
        config: Any,
        tables_to_delete: Sequence[FeatureView],
        tables_to_keep: Sequence[FeatureView],
        entities_to_delete: Sequence[Any],
        entities_to_keep: Sequence[Any],
        partial: bool,
    ) -> None:
        """Make the tables of the views that are kept, and remove those of the others."""
        with self._writing(config) as connection:
            for view in tables_to_keep:
                by_key.make(connection, _name(config, view))
            for view in tables_to_delete:
                by_key.drop(connection, _name(config, view))

    def plan(self, config: Any, desired_registry_proto: Any) -> list[Any]:
        """Nothing that `feast apply` would make: the first write makes a view's table."""
        return []

    @contextmanager
    def _writing(self, config: Any) -> Iterator[sqlite3.Connection]:
        """One transaction, tables made in it included."""
        connection: sqlite3.Connection = self._get_conn(config)
        with connection:
            connection.execute("begin immediate")
            yield connection


def _name(config: Any, table: FeatureView) -> str:
    return str(compute_table_id(config.project, table, config.registry.enable_online_feature_view_versioning))
