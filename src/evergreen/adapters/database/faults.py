"""What a database driver reports, told as Evergreen's errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError

from evergreen.errors import BadSetting, Broken, EvergreenError, Unavailable

Execute = Callable[..., Any]

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DISK = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
_DENIED = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
_DAMAGED = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}
_TRY_AGAIN = {
    "40001",
    "40P01",
    "53300",
    "57P01",
    "57P03",
}  # serialization, deadlock, full, shutting down, starting


def translate_errors(engine: Engine) -> None:
    """Raise Unavailable, BadSetting or Broken, one sentence each, in place of the driver's own errors.

    Violated constraints and wrong SQL stay what they are: they are faults of the caller's code.
    """

    @event.listens_for(engine, "handle_error")
    def translate(context: ExceptionContext) -> BaseException | None:
        return _translated(context, engine.url.render_as_string(hide_password=True))


@contextmanager
def fastest_cursor(conn: Connection) -> Iterator[tuple[Execute, Execute]]:
    """How to execute one statement, and one for many rows, in the transaction of `conn` with the least work.

    On SQLite by the driver's own cursor: a commit of eight predictions takes two thirds of the processor time. Its
    errors are told as all others.
    """
    if conn.dialect.name != "sqlite":
        yield conn.exec_driver_sql, conn.exec_driver_sql
        return
    cursor = conn.connection.cursor()
    try:
        yield cursor.execute, cursor.executemany
    except sqlite3.Error as error:
        where = conn.engine.url.render_as_string(hide_password=True)
        as_sqlalchemy = DBAPIError.instance(None, None, error, sqlite3.Error, dialect=conn.dialect)
        raise _translated_sqlite(error, where) or as_sqlalchemy from None
    finally:
        cursor.close()


def _translated(context: ExceptionContext, where: str) -> BaseException | None:
    if context.is_pre_ping:  # the pool replaces the connection by itself
        return None
    cause = context.original_exception
    if isinstance(cause, EvergreenError):
        return type(cause)(cause.what, cause.hint)
    if isinstance(cause, sqlite3.Error):
        return _translated_sqlite(cause, where)
    if context.is_disconnect or context.connection is None or getattr(cause, "sqlstate", "") in _TRY_AGAIN:
        return Unavailable(f"the database {where} did not answer: {_first_line(cause)}.", "Start it or mend its URL.")
    return None


def _translated_sqlite(cause: sqlite3.Error, where: str) -> EvergreenError | None:
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if code in _BUSY:
        return Unavailable(f"the database {where} stayed locked by another writer for a minute.", "Try again.")
    if code in _DISK:
        return Unavailable(f"the disk under {where} failed: {cause}.", "Free some space, then try again.")
    if code in _DENIED:
        return BadSetting(f"the database {where} cannot be written: {cause}.", "Choose a place with write permission.")
    if code in _DAMAGED:
        return Broken(f"{where} is not a sound SQLite database: {cause}.", "Restore it from a backup.")
    return None


def _first_line(cause: BaseException | None) -> str:
    return (str(cause).strip().splitlines() or ["no reason given"])[0].rstrip(".")
