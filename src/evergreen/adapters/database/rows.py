"""Records of frozen dataclasses as rows: field names are column names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, Table
from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Record = TypeVar("Record", bound=DataclassInstance)


def values(record: DataclassInstance) -> dict[str, Any]:
    """The record's fields, shallow."""
    return {item.name: getattr(record, item.name) for item in fields(record)}


def first(conn: Connection, query: Select[Any], kind: type[Record]) -> Record | None:
    """The first row of a query as a record, or None."""
    row = conn.execute(query).mappings().first()
    return None if row is None else kind(**row)


def every(conn: Connection, query: Select[Any], kind: type[Record]) -> list[Record]:
    """All rows of a query as records."""
    return [kind(**row) for row in conn.execute(query).mappings()]


def insert(conn: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that knows ON CONFLICT, for the dialect of `conn`."""
    return sqlite.insert(table) if conn.dialect.name == "sqlite" else postgresql.insert(table)


def insert_new(conn: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows whose key is not there yet; the others stay as they are."""
    if rows:
        conn.execute(insert(conn, table).on_conflict_do_nothing(), rows)


def insert_one(conn: Connection, table: Table, row: dict[str, Any]) -> bool:
    """Insert a row unless its key is there; whether it was inserted."""
    statement = insert(conn, table).values(row).on_conflict_do_nothing().returning(*table.primary_key)
    return conn.execute(statement).first() is not None


def upsert(conn: Connection, table: Table, rows: Sequence[dict[str, Any]], newer_by: str | None = None) -> None:
    """Insert rows or replace those with the same primary key.

    With `newer_by`, a row is replaced only by one whose value in that column is not smaller.
    """
    if not rows:
        return
    statement = insert(conn, table)
    keys = [column.name for column in table.primary_key]
    replaced = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    guard: ColumnElement[bool] | None = None
    if newer_by is not None:
        guard = statement.excluded[newer_by] >= table.c[newer_by]
    conn.execute(statement.on_conflict_do_update(index_elements=keys, set_=replaced, where=guard), rows)
