"""Where a chained log ends, and which hashes stand in it: the same question of every log."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, Table, select

from evergreen.core.hash_chain import Head
from evergreen.errors import Broken


def head(conn: Connection, heads: Table, log: str) -> Head:
    """Where the chain ends, by its one row in `heads`.

    Raises:
        Broken: that row is missing.
    """
    row = conn.execute(select(heads.c.seq, heads.c.hash)).one_or_none()
    if row is None:
        raise Broken(f"The head of the {log} log is missing.", "Restore the database from a backup.")
    return Head(*row)


def among(conn: Connection, records: Table, known: Collection[str]) -> set[str]:
    """Which of the hashes that were once heads are in the chain: all up to them is as it was, if the chain is whole."""
    return set(conn.execute(select(records.c.hash).where(records.c.hash.in_(known))).scalars())
