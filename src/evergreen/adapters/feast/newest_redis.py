"""Feast's Redis online store, in which an older event never replaces a newer one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

from feast.feature_view import FeatureView
from feast.infra.online_stores.helpers import _redis_key, compute_versioned_name
from feast.infra.online_stores.redis import RedisOnlineStore, RedisOnlineStoreConfig
from feast.utils import to_naive_utc
from google.protobuf.timestamp_pb2 import Timestamp  # type: ignore[import-untyped]
from redis import Redis

from evergreen.adapters.feast.by_key import Row


class NewestRedisOnlineStoreConfig(RedisOnlineStoreConfig):  # type: ignore[misc]
    """As Feast's Redis store is configured, with the server named by a URL."""

    type: Literal["evergreen.adapters.feast.newest_redis.NewestRedisOnlineStore"]
    url: str
    skip_dedup: bool = True  # Feast's own check would refuse a correction of the newest event


class NewestRedisOnlineStore(RedisOnlineStore):  # type: ignore[misc]
    """Writes a row only if its event is not older than what is stored.

    Redis keeps no version of an event: of two, the one written last stays. `Features` writes them in order.
    """

    _client: Redis | None = None

    def online_write_batch(
        self, config: Any, table: FeatureView, data: list[Row], progress: Callable[[int], Any] | None
    ) -> None:
        """See the class."""
        stored = self._events(config, table, data)
        newer = [row for row, event in zip(data, stored, strict=True) if event is None or _seconds(row[2]) >= event]
        super().online_write_batch(config, table, newer, progress)

    def _events(self, config: Any, table: FeatureView, data: list[Row]) -> list[int | None]:
        """Of each row's key, the event that is stored, in seconds since 1970."""
        view = compute_versioned_name(table, config.registry.enable_online_feature_view_versioning)
        version = config.entity_key_serialization_version
        with self._get_client(config.online_store).pipeline(transaction=False) as pipe:
            for row in data:
                pipe.hget(_redis_key(config.project, row[0], entity_key_serialization_version=version), f"_ts:{view}")
            timestamps = pipe.execute()
        return [Timestamp.FromString(each).seconds if each else None for each in timestamps]

    def _get_client(self, online_store_config: Any) -> Redis:
        if self._client is None:
            self._client = Redis.from_url(online_store_config.url, socket_timeout=30.0)
        return self._client


def _seconds(moment: datetime) -> int:
    """Since 1970 in UTC, whole ones, as which Feast's store keeps an event."""
    return int(to_naive_utc(moment).replace(tzinfo=UTC).timestamp())
