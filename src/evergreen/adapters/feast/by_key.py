"""Feast's SQL online stores with one row a key, all its values together: Feast's own have a row a value.

A store differs from another in the SQL of its `OnlineTables` only; what is stored, and when, is said here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from feast.feature_view import FeatureView
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.infra.online_stores.helpers import compute_table_id
from feast.protos.feast.types.Value_pb2 import Map, Value
from feast.utils import to_naive_utc

_EPOCH, _MICROSECOND = datetime(1970, 1, 1), timedelta(microseconds=1)
COLUMNS = 'entity_key, "values", event, created'
UNLESS_OLDER = """on conflict (entity_key) do update
set "values" = excluded."values", event = excluded.event, created = excluded.created
where (excluded.event, excluded.created) >= (stored.event, stored.created)"""

Row = tuple[Any, dict[str, Any], datetime, datetime | None]  # as Feast gives it: entity key, values, event, created
ValueRow = tuple[bytes, str, bytes, datetime, datetime | None]  # in Feast's layout: key, feature, value, event, created


class StoredRow(NamedTuple):
    """What stands under a key: Feast's message `Map`, and instants in microseconds since 1970 in UTC; 0 for none."""

    entity_key: bytes
    values: bytes
    event: int
    created: int


class OnlineTables(ABC):
    """The tables of a connection, by the name that Feast gives to a view's.

    What stands in Feast's own layout, as versions before wrote it, is read as it stands until `make` moves it.
    """

    def make(self, name: str) -> None:
        """Make a table; what stands in Feast's own layout moves there."""
        if self._stands(self._table(name)) and not self._stands(name):
            return
        self._keep_others_out(name)
        self._create(name)
        if self._stands(name):
            self.write(name, [*_together(self._values(name))])
            self._drop(name)

    def drop(self, name: str) -> None:
        """Remove a table, in either layout."""
        for each in (self._table(name), name):
            self._drop(each)

    @abstractmethod
    def write(self, name: str, rows: Sequence[StoredRow]) -> None:
        """Store rows whose event, or of the same event whose version, is not older than what stands."""

    @abstractmethod
    def read(self, name: str, keys: Sequence[bytes]) -> list[StoredRow]:
        """What stands under the keys, in any order."""

    def _table(self, name: str) -> str:
        """The name of a table with one row a key."""
        return f"{name} by key"

    def _read_either(self, name: str, keys: Sequence[bytes]) -> list[StoredRow]:
        """What stands under the keys in whichever layout there is, while nobody moves it."""
        return self._read(name, keys) if self._stands(self._table(name)) else [*_together(self._values(name, keys))]

    @abstractmethod
    def _read(self, name: str, keys: Sequence[bytes]) -> list[StoredRow]: ...

    @abstractmethod
    def _keep_others_out(self, name: str) -> None:
        """Until the transaction ends, have nobody else make this table or write to it, in either layout."""

    @abstractmethod
    def _stands(self, table: str) -> bool: ...

    @abstractmethod
    def _create(self, name: str) -> None: ...

    @abstractmethod
    def _drop(self, table: str) -> None: ...

    @abstractmethod
    def _values(self, name: str, keys: Sequence[bytes] | None = None) -> Iterable[ValueRow]:
        """What stands in Feast's own layout, sorted by key: under `keys`, or all."""


class OneRowAKey(ABC):
    """Feast's interface to an online store, on `OnlineTables`.

    A row is written only if its event, or of the same event its version, is not older than what is stored.
    """

    @abstractmethod
    def _reading(self, config: Any) -> AbstractContextManager[OnlineTables]: ...

    @abstractmethod
    def _writing(self, config: Any) -> AbstractContextManager[OnlineTables]:
        """One transaction, tables made in it included."""

    def online_write_batch(
        self, config: Any, table: FeatureView, data: Sequence[Row], progress: Callable[[int], Any] | None
    ) -> None:
        """See the class."""
        keys = _keys(config, (row[0] for row in data))
        rows = [_stored(key, *row[1:]) for key, row in zip(keys, data, strict=True)]
        with self._writing(config) as tables:
            tables.make(_name(config, table))
            tables.write(_name(config, table), rows)
        if progress:
            progress(len(rows))

    def online_read(
        self, config: Any, table: FeatureView, entity_keys: list[Any], requested_features: list[str] | None = None
    ) -> list[tuple[datetime | None, dict[str, Any] | None]]:
        """Event (UTC) and all values of each key, in the order of the keys; (None, None) where it has none."""
        keys = _keys(config, entity_keys)
        with self._reading(config) as tables:
            stored = {row.entity_key: row for row in tables.read(_name(config, table), keys)}
        return [_answer(stored.get(key)) for key in keys]

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
        with self._writing(config) as tables:
            for view in tables_to_keep:
                tables.make(_name(config, view))
            for view in tables_to_delete:
                tables.drop(_name(config, view))


def _keys(config: Any, entity_keys: Iterable[Any]) -> list[bytes]:
    """The stored form of each entity key."""
    return [serialize_entity_key(key, config.entity_key_serialization_version) for key in entity_keys]


def _name(config: Any, table: FeatureView) -> str:
    return str(compute_table_id(config.project, table, config.registry.enable_online_feature_view_versioning))


def _together(values: Iterable[ValueRow]) -> Iterator[StoredRow]:
    """The rows of Feast's own layout, sorted by key, as one a key."""
    for key, of_key in groupby(values, key=lambda value: value[0]):
        _, names, stored, events, versions = zip(*of_key, strict=True)
        together = {name: Value.FromString(each) for name, each in zip(names, stored, strict=True)}
        yield _stored(key, together, max(events), max(filter(None, versions), default=None))


def _stored(key: bytes, values: dict[str, Any], event: datetime, created: datetime | None) -> StoredRow:
    return StoredRow(key, Map(val=values).SerializeToString(), _microseconds(event), _microseconds(created))


def _answer(row: StoredRow | None) -> tuple[datetime | None, dict[str, Any] | None]:
    if row is None:
        return None, None
    event = (_EPOCH + row.event * _MICROSECOND).replace(tzinfo=UTC)
    return event, dict(Map.FromString(row.values).val)


def _microseconds(moment: datetime | None) -> int:
    """Since 1970 in UTC, as which a zoneless time is taken; 0 where there is none."""
    return 0 if moment is None else (to_naive_utc(moment) - _EPOCH) // _MICROSECOND
