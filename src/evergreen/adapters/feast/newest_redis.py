"""Feast's Redis online store, in which an older event never replaces a newer one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from feast.feature_view import FeatureView
from feast.infra.online_stores.helpers import _redis_key, compute_versioned_name
from feast.infra.online_stores.redis import RedisOnlineStore, RedisOnlineStoreConfig
from google.protobuf.timestamp_pb2 import Timestamp  # type: ignore[import-untyped]
from redis import Redis

from evergreen.adapters.feast.newest import Row, entity_keys, instants, not_older


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
        keys = entity_keys(config, data)
        stored = dict(zip(keys, self._events(config, table, data), strict=True))
        newer = not_older(data, keys, {key: event for key, event in stored.items() if event})
        super().online_write_batch(config, table, newer, progress)

    def _events(self, config: Any, table: FeatureView, data: list[Row]) -> list[tuple[int, int] | None]:
        """Of each row's key, the event that is stored."""
        view = compute_versioned_name(table, config.registry.enable_online_feature_view_versioning)
        version = config.entity_key_serialization_version
        with self._get_client(config.online_store).pipeline(transaction=False) as pipe:
            for row in data:
                pipe.hget(_redis_key(config.project, row[0], entity_key_serialization_version=version), f"_ts:{view}")
            timestamps = pipe.execute()
        return [_event(timestamp) if timestamp else None for timestamp in timestamps]

    def _get_client(self, online_store_config: Any) -> Redis:
        if self._client is None:
            self._client = Redis.from_url(online_store_config.url, socket_timeout=30.0)
        return self._client


def _event(timestamp: bytes) -> tuple[int, int]:
    moment = Timestamp()
    moment.ParseFromString(timestamp)
    return instants(moment.ToDatetime(), None)
