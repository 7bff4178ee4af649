"""Heads of the two logs kept outside of the database: who rewrites all of it cannot rewrite these."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine

from evergreen.adapters.database import decisions, prediction_chain, reading
from evergreen.adapters.database.types import utc
from evergreen.core.hash_chain import GENESIS, ChainBreak, Head, utc_text
from evergreen.errors import Broken


@dataclass(frozen=True)
class Log:
    """A chained log: what checks it, what says where it ends, and which of some hashes are in it."""

    name: str
    records: str
    verify: Callable[[Connection], list[ChainBreak]]
    head: Callable[[Connection], Head]
    among: Callable[[Connection, Collection[str]], set[str]]


DECISIONS = Log("decision", "decisions", decisions.verify, decisions.head, decisions.among)
PREDICTIONS = Log("prediction", "batches", prediction_chain.verify, prediction_chain.head, prediction_chain.among)
LOGS = (DECISIONS, PREDICTIONS)


def keep_head(home: Path, log: Log, head: Head, now: datetime) -> bool:
    """Add a head to the home's file of that log, unless its last line is that head; whether it was added.

    A line is for a head: its time, number and hash.
    """
    heads = _hashes(_file(home, log))
    if heads and heads[-1] == head.hash:
        return False
    with _file(home, log).open("a") as file:
        file.write(f"{utc_text(utc(now))} {head.seq} {head.hash}\n")
    return True


def kept_heads(home: Path) -> list[str]:
    """The hashes in the home's files, of each log the oldest first."""
    return [head for log in LOGS for head in _hashes(_file(home, log))]


def _file(home: Path, log: Log) -> Path:
    return home / f"{log.name}_heads.txt"


def _hashes(file: Path) -> list[str]:
    return [line.split()[-1] for line in file.read_text().splitlines() if line.strip()] if file.exists() else []


def faults(engine: Engine, known: Iterable[str] = ()) -> list[str]:
    """What is wrong with the logs, in sentences, once their chains are recomputed and known heads looked for.

    Args:
        engine: of the database.
        known: hashes that were heads once, from wherever they were kept.
    """
    sought = set(known) - {GENESIS}
    with reading(engine) as conn:
        broken = [
            f"The {log.name} log is broken at {fault.seq}: {fault.what}." for log in LOGS for fault in log.verify(conn)
        ]
        missing = sought.difference(*(log.among(conn, sought) for log in LOGS))
    return broken + [
        f"Neither log has a record with the hash {head}: some were removed, or all were rewritten."
        for head in sorted(missing)
    ]


def require_whole(engine: Engine, known: Iterable[str] = ()) -> dict[Log, Head]:
    """The heads of the logs, once nothing is wrong with them.

    Raises:
        Broken: a chain does not hold, or a known head is in none: records were removed or rewritten.
    """
    if wrong := faults(engine, known):
        raise Broken(wrong[0], "Restore the database from a backup made since.")
    return heads(engine)


def heads(engine: Engine) -> dict[Log, Head]:
    """Where each log ends.

    Raises:
        Broken: a head is missing.
    """
    with reading(engine) as conn:
        return {log: log.head(conn) for log in LOGS}
