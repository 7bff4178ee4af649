"""Bringing a database to this code's schema, one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, text

from evergreen.adapters.database.schema import BEGIN
from evergreen.errors import BadSetting, Unavailable

_SCRIPTS = Path(__file__).parent / "migrations"
_LOCK_SECONDS = 120  # a migration rewrites tables; a process waits as long before it gives up
_ADVISORY_LOCK = 0x45564552475245  # the same number in every Evergreen process


def migrate(engine: Engine, revision: str = "head") -> None:
    """Upgrade or downgrade to a revision in one transaction; a kill half-way leaves the database as it was.

    A downgrade drops what the older schema has no place for.

    Raises:
        BadSetting: a schema newer than this code, an unknown revision, or a place without write permission.
        Unavailable: another process holds the migration lock for two minutes.
    """
    with _one_at_a_time(engine):
        if engine.dialect.name == "sqlite":
            _turn_on_wal(engine)
        with engine.begin() as conn:
            if engine.dialect.name == "postgresql":
                conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
            _move(conn, revision)


def configuration() -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config


def _move(conn: Connection, revision: str) -> None:
    config = configuration()
    newest_first = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    stands = MigrationContext.configure(conn).get_current_revision()
    if stands is not None and stands not in newest_first:
        raise BadSetting(
            f"the database {conn.engine.url.render_as_string()} has schema {stands}, newer than this code.",
            "Install the newer Evergreen, or choose another database.",
        )
    if revision not in (*newest_first, "head"):
        raise BadSetting(f"there is no schema {revision!r}.", f"Known, newest first: {', '.join(newest_first)}.")
    config.attributes["connection"] = conn
    older = stands in newest_first and revision in newest_first[newest_first.index(stands) + 1 :]
    (command.downgrade if older else command.upgrade)(config, revision)


def _turn_on_wal(engine: Engine) -> None:
    with engine.connect().execution_options(**{BEGIN: ""}) as conn:
        conn.exec_driver_sql("PRAGMA journal_mode = WAL")


@contextmanager
def _one_at_a_time(engine: Engine) -> Iterator[None]:
    if engine.dialect.name != "sqlite":
        yield
        return
    lock = FileLock(f"{engine.url.database}.lock", timeout=_LOCK_SECONDS)
    try:
        lock.acquire()
    except Timeout:
        raise Unavailable(
            f"another process has been migrating {engine.url.database} for two minutes.", "Try again later."
        ) from None
    except OSError as error:
        raise BadSetting(
            f"{lock.lock_file} cannot be written: {error.strerror}.", "Choose a place with write permission."
        ) from None
    try:
        yield
    finally:
        lock.release()
