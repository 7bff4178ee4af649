"""Feast's online stores, in which an older value never replaces a newer one.

Feast's own SQLite and PostgreSQL stores overwrite: materializing an old window again, by hand or by a retry, takes
what is served back in time. Its Redis store refuses the older event, but a correction of the newest one as well.

    online_store:
      type: evergreen.adapters.feast.newest.NewestSqliteOnlineStore
      path: online.db
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any, Literal

from feast.feature_view import FeatureView
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.infra.online_stores.helpers import compute_table_id
from feast.infra.online_stores.sqlite import SqliteOnlineStore, SqliteOnlineStoreConfig
from feast.utils import to_naive_utc

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
    """In whole seconds, as Feast's SQLite store writes them: a zoneless UTC time read as local time."""
    first, second = (0 if moment is None else int(to_naive_utc(moment).timestamp()) for moment in (event, created))
    return first, second


class NewestSqliteOnlineStoreConfig(SqliteOnlineStoreConfig):  # type: ignore[misc]
    """As Feast's SQLite store is configured."""

    type: Literal["evergreen.adapters.feast.newest.NewestSqliteOnlineStore"]


class NewestSqliteOnlineStore(SqliteOnlineStore):  # type: ignore[misc]
    """Writes a row only if its event, or of the same event its version, is not older than what is stored."""

    def online_write_batch(
        self, config: Any, table: FeatureView, data: list[Row], progress: Callable[[int], Any] | None
    ) -> None:
        """See the class."""
        keys = entity_keys(config, data)
        super().online_write_batch(config, table, not_older(data, keys, self._stored(config, table, keys)), progress)

    def _stored(self, config: Any, table: FeatureView, keys: list[bytes]) -> Instants:
        name = compute_table_id(config.project, table, config.registry.enable_online_feature_view_versioning)
        query = f'select max(event_ts), max(created_ts) from "{name}" where entity_key = ?'
        with closing(self._get_conn(config).cursor()) as cursor:
            rows = {key: cursor.execute(query, (key,)).fetchone() for key in set(keys)}
        return {key: (event, created or 0) for key, (event, created) in rows.items() if event is not None}
