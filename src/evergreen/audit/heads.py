"""Heads of the decision log kept outside of the database: who rewrites all of it cannot rewrite these."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from evergreen.adapters.database import decisions, reading
from evergreen.adapters.database.decisions import Head
from evergreen.adapters.database.types import utc
from evergreen.core.hash_chain import utc_text
from evergreen.errors import Broken

FILE = "decision_heads.txt"  # in the home: a line for each head that was kept, its time, number and hash


def keep_head(home: Path, head: Head, now: datetime) -> bool:
    """Add a head to the home's file, unless its last line is that head; whether it was added."""
    heads = kept_heads(home)
    if heads and heads[-1] == head.hash:
        return False
    with (home / FILE).open("a") as file:
        file.write(f"{utc_text(utc(now))} {head.seq} {head.hash}\n")
    return True


def kept_heads(home: Path) -> list[str]:
    """The hashes in the home's file, oldest first."""
    file = home / FILE
    return [line.split()[-1] for line in file.read_text().splitlines() if line.strip()] if file.exists() else []


def require_whole(engine: Engine, known: Iterable[str] = ()) -> Head:
    """The head of the decision log, once its chain is recomputed and every head known from before is in it.

    Args:
        engine: of the database.
        known: hashes that were heads once, from wherever they were kept.

    Raises:
        Broken: the chain does not hold, or a known head is not in it: decisions were removed or rewritten.
    """
    with reading(engine) as conn:
        if faults := decisions.verify(conn):
            raise Broken(f"The decision log is broken at {faults[0]}.", "Restore it from a backup.")
        for head in known:
            if not decisions.holds(conn, head):
                raise Broken(
                    f"The decision log has no decision with the hash {head}: some were removed, or all were rewritten.",
                    "Restore the database from a backup made since.",
                )
        return decisions.head(conn)
