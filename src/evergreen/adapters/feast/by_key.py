"""Tables of Feast's SQLite store with one row a key, all its values together: Feast's own have a row a value."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from feast.protos.feast.types.Value_pb2 import Map, Value
from feast.utils import to_naive_utc

_EPOCH, _MICROSECOND = datetime(1970, 1, 1), timedelta(microseconds=1)
_UPSERT = """
insert into "{view} by key" values (?, ?, ?, ?) on conflict (entity_key) do update
set "values" = excluded."values", event = excluded.event, created = excluded.created
where (excluded.event, excluded.created) >= (event, created)
"""
KeyedRow = tuple[bytes, dict[str, Any], datetime, datetime | None]  # entity key, values, event, created


def make(connection: sqlite3.Connection, view: str) -> None:
    """Make the table of a view; what stands in Feast's own layout, as versions before wrote it, moves there."""
    columns = 'entity_key blob primary key, "values" blob, event integer, created integer'
    connection.execute(f'create table if not exists "{view} by key" ({columns})')
    if _exists(connection, view):
        _take_over(connection, view)


def drop(connection: sqlite3.Connection, view: str) -> None:
    """Remove the table of a view, in either layout."""
    for name in (f"{view} by key", view):
        connection.execute(f'drop table if exists "{name}"')


def write(connection: sqlite3.Connection, view: str, rows: Iterable[KeyedRow]) -> None:
    """Store rows whose event, or of the same event whose version, is not older than what stands under their key."""
    stored = (
        (key, Map(val=values).SerializeToString(), _microseconds(event), _microseconds(created))
        for key, values, event, created in rows
    )
    connection.executemany(_UPSERT.format(view=view), stored)


def read(
    connection: sqlite3.Connection, view: str, keys: Iterable[bytes]
) -> list[tuple[datetime | None, dict[str, Any] | None]]:
    """Event (UTC) and values of each key; (None, None) where there is none."""
    query = f'select event, "values" from "{view} by key" where entity_key = ?'
    rows = (connection.execute(query, (key,)).fetchone() for key in keys)
    return [(None, None) if row is None else (_instant(row[0]), dict(Map.FromString(row[1]).val)) for row in rows]


def stands(connection: sqlite3.Connection, view: str) -> bool:
    """Whether the table of a view was made."""
    return _exists(connection, f"{view} by key")


def _take_over(connection: sqlite3.Connection, view: str) -> None:
    before = connection.execute(
        f'select entity_key, feature_name, value, event_ts + 0, created_ts + 0 from "{view}" order by entity_key'
    ).fetchall()
    for key, values in groupby(before, key=lambda value: bytes(value[0])):
        _, names, stored, events, versions = zip(*values, strict=True)
        together = {name: Value.FromString(each) for name, each in zip(names, stored, strict=True)}
        created = max(version or 0 for version in versions)
        write(connection, view, [(key, together, _as_written(max(events)), _as_written(created))])
    connection.execute(f'drop table "{view}"')


def _exists(connection: sqlite3.Connection, name: str) -> bool:
    return connection.execute("select 1 from sqlite_master where name = ?", (name,)).fetchone() is not None


def _as_written(seconds: int) -> datetime:
    """Feast writes a zoneless UTC time as if it were local time, in whole seconds."""
    return datetime.fromtimestamp(seconds)


def _microseconds(moment: datetime | None) -> int:
    """Since 1970 in UTC, as which a zoneless time is taken; 0 where there is none."""
    return 0 if moment is None else (to_naive_utc(moment) - _EPOCH) // _MICROSECOND


def _instant(microseconds: int) -> datetime:
    return (_EPOCH + microseconds * _MICROSECOND).replace(tzinfo=UTC)
