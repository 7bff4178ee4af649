"""Opening the operational database, SQLite or PostgreSQL, and the two kinds of transaction on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from evergreen.adapters.database.faults import translate_errors
from evergreen.adapters.database.schema import BEGIN, HEAD
from evergreen.errors import BadSetting

BUSY_SECONDS = 60  # a retraining may hold the write lock for seconds; longer is a fault


def open_database(url: str) -> Engine:
    """The engine of the database at `url`, created and migrated to this code's schema if need be.

    Safe for any number of processes that start at once on a place that does not exist yet. Every transaction
    may write (on SQLite BEGIN IMMEDIATE) unless it is opened with `reading`.

    Args:
        url: `sqlite:////absolute/file.db` or `postgresql://user:password@host/name`.

    Raises:
        BadSetting: a URL that cannot be used, a place without write permission, or a schema newer than this
            code.
        Unavailable: the server does not answer, or the file stays locked.
        Broken: the file is not a database.
    """
    engine = _engine(_with_folder(checked_url(url)))
    with ExitStack() as undone:
        undone.callback(engine.dispose)
        if _revision(engine) != HEAD or not _uses_wal(engine):
            from evergreen.adapters.database.migrate import migrate

            migrate(engine)
        undone.pop_all()
    return engine


def migrate_database(url: str, revision: str = "head") -> str:
    """Bring the database at `url` to a schema revision, up or down; returns the one it has then.

    Raises:
        BadSetting: as `open_database`, or an unknown revision.
        Unavailable: the server does not answer, or another process migrates.
    """
    from evergreen.adapters.database.migrate import migrate

    engine = _engine(_with_folder(checked_url(url)))
    try:
        migrate(engine, revision)
        return _revision(engine) or "none"
    finally:
        engine.dispose()


def check(engine: Engine) -> str:
    """The schema revision of a database that answers and fits this code.

    Raises:
        BadSetting: another revision than this code's.
        Unavailable: no answer.
    """
    revision = _revision(engine)
    if revision != HEAD:
        raise BadSetting(
            f"the database {engine.url.render_as_string()} has schema {revision or 'none'}, not {HEAD}.",
            "Install the Evergreen that wrote it, or open it once with this one to migrate it.",
        )
    return revision


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection for reads only: one consistent snapshot that neither waits for writers nor delays them."""
    with engine.connect() as conn:
        if engine.dialect.name == "sqlite":
            conn.execution_options(**{BEGIN: "BEGIN"})
        else:
            conn.execution_options(isolation_level="REPEATABLE READ")
        yield conn


def writing(engine: Engine) -> AbstractContextManager[Connection]:
    """A connection whose transaction may write: committed at the end, undone by an exception."""
    return engine.begin()


def checked_url(text: str) -> URL:
    """The URL with the driver it is opened by.

    Raises:
        BadSetting: neither SQLite in a file nor PostgreSQL.
    """
    try:
        url = make_url(text)
        dialect = url.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise _unusable(text.rpartition("@")[2]) from None  # without its account
    if dialect == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if dialect == "sqlite" and url.database and url.database != ":memory:":
        return url
    raise _unusable(url.render_as_string(hide_password=True))


def _with_folder(url: URL) -> URL:
    if url.get_backend_name() == "sqlite":
        _make_folder(Path(str(url.database)).parent)
    return url


def _unusable(where: str) -> BadSetting:
    return BadSetting(
        f"the database URL {where!r} cannot be used.",
        "Give sqlite:////absolute/file.db or postgresql://user:password@host/name.",
    )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadSetting(
            f"the folder {folder} cannot be made: {error.strerror}.", "Choose a place with write permission."
        ) from None


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        engine = create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 10})
    translate_errors(engine)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")


def _begin_sqlite(conn: Connection) -> None:
    if begin := conn.get_execution_options().get(BEGIN, "BEGIN IMMEDIATE"):
        conn.exec_driver_sql(begin)


def _revision(engine: Engine) -> str | None:
    with reading(engine) as conn:
        if not inspect(conn).has_table("alembic_version"):
            return None
        return conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def _uses_wal(engine: Engine) -> bool:
    if engine.dialect.name != "sqlite":
        return True
    with reading(engine) as conn:
        return conn.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
