"""Consistent copies of databases in use, and back into empty ones: SQLite's backup interface, pg_dump, pg_restore."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from evergreen.adapters.infra.urls import is_postgresql, plain, without_password
from evergreen.errors import BadSetting, Broken, Conflict, NotFound, Unavailable

SQLITE = "sqlite:///"
TABLES = "select count(*) from information_schema.tables where table_schema not in ('pg_catalog', 'information_schema')"


def dump(url: str, file: Path) -> None:
    """Write the database at `url`, as it stands at one moment, to `file`; others may go on writing to it.

    Raises:
        NotFound: no such SQLite file.
        BadSetting: pg_dump is not installed.
        Unavailable: the server did not answer.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    if is_postgresql(url):
        _run("pg_dump", url, ["--format=custom", "--no-owner", "--no-privileges", f"--file={file}"])
        return
    source = sqlite_file(url)
    if not source.is_file():
        raise NotFound(f"{source} is not there.", "Check the settings: `evergreen doctor`.")
    copy_sqlite(source, file)


def load(file: Path, url: str) -> None:
    """Fill the empty database at `url` from what `dump` wrote.

    Raises:
        Conflict: the database is not empty.
        BadSetting: `file` was written from the other kind of database, or pg_restore is not installed.
        Unavailable: the server did not answer.
    """
    if is_postgresql(url) != (file.read_bytes()[:5] == b"PGDMP"):
        raise BadSetting(f"{file.name} is not of the kind of {without_password(url)}.", "Name one of the same kind.")
    if is_postgresql(url):
        _require_empty(url)
        _run("pg_restore", url, ["--exit-on-error", "--single-transaction", "--no-owner", f"{file}"])
        return
    target = sqlite_file(url)
    if target.exists():
        raise Conflict(f"{target} is there already.", "Move it away, or restore elsewhere.")
    target.parent.mkdir(parents=True, exist_ok=True)
    copy_sqlite(file, target)


def copy_sqlite(source: Path, target: Path) -> None:
    """A SQLite file with what its write-ahead log holds.

    Raises:
        Broken: the file is no sound database.
    """
    try:
        with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
            old.backup(new)
    except sqlite3.DatabaseError as error:
        raise Broken(f"{source} cannot be copied: {error}.", "Restore it from an older backup.") from None


def sqlite_file(url: str) -> Path:
    """The file that a sqlite:/// URL names."""
    return Path(url.removeprefix(SQLITE))


def _run(program: str, url: str, options: list[str]) -> None:
    """Run one of PostgreSQL's programs on the database; its password goes by the environment, unseen by others."""
    if shutil.which(program) is None:
        raise BadSetting(f"{program} is not installed.", "Install PostgreSQL's client (Debian: postgresql-client).")
    parts = urlsplit(plain(url))
    environment = os.environ | ({"PGPASSWORD": unquote(parts.password)} if parts.password else {})
    place = parts._replace(netloc=_without_password(parts.netloc)).geturl()
    run = subprocess.run(
        [program, f"--dbname={place}", *options], env=environment, capture_output=True, text=True, check=False
    )
    if run.returncode:
        reason = (run.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Unavailable(f"{program} failed on {without_password(url)}: {reason}.", "Nothing was left half-done.")


def _without_password(netloc: str) -> str:
    account, at, host = netloc.rpartition("@")
    return account.partition(":")[0] + at + host


def _require_empty(url: str) -> None:
    import psycopg

    try:
        with psycopg.connect(plain(url), connect_timeout=10) as connection:
            (count,) = connection.execute(TABLES).fetchone() or (0,)
    except psycopg.OperationalError as error:
        raise Unavailable(f"{without_password(url)} did not answer: {error}.", "Start it or mend its URL.") from None
    if count:
        raise Conflict(f"{without_password(url)} holds {count} tables.", "Restore into an empty database.")
