"""Heads of the two logs kept outside of the database: who rewrites all of it cannot rewrite these."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from evergreen.adapters.database import decisions, prediction_chain, reading
from evergreen.adapters.database.types import utc
from evergreen.core.hash_chain import GENESIS, ChainBreak, Head, utc_text
from evergreen.errors import BadInput, Broken


@dataclass(frozen=True)
class Log:
    """A chained log: what checks it, what says where it ends, and which of some hashes are in it."""

    name: str
    records: str
    verify: Callable[[Connection, Head | None], list[ChainBreak]]
    head: Callable[[Connection], Head]
    among: Callable[[Connection, Collection[str]], set[str]]


DECISIONS = Log("decision", "decisions", decisions.verify, decisions.head, decisions.among)
PREDICTIONS = Log("prediction", "batches", prediction_chain.verify, prediction_chain.head, prediction_chain.among)
LOGS = (DECISIONS, PREDICTIONS)
_LINE = re.compile(r"(\d{4}-\d\d-\d\dT[\d:.]+Z) (\d+) ([0-9a-f]{64})$", re.MULTILINE)


def keep_head(home: Path, log: Log, head: Head, now: datetime) -> bool:
    """Add a head to the home's file of that log, unless its last line is that head, of this week; whether it was added.

    A line is for a head: its time, number and hash.
    """
    last = _lines(_file(home, log))[-1:]
    if last and last[0][2] == head.hash and _week(last[0][0]) == _week(utc_text(utc(now))):
        return False
    with _file(home, log).open("a") as file:
        file.write(f"{utc_text(utc(now))} {head.seq} {head.hash}\n")
    return True


def kept_heads(home: Path) -> list[str]:
    """The hashes in the home's files, of each log the oldest first."""
    return [head for log in LOGS for head in _hashes(_file(home, log))]


def head_hash(text: str) -> str:
    """A head as a person gives it.

    Raises:
        BadInput: it is no hash.
    """
    if not re.fullmatch("[0-9a-f]{64}", text):
        raise BadInput(f"{text!r} is no head of a log.", "Give the 64 digits that `evergreen audit` printed.")
    return text


def checked_this_week(home: Path, now: datetime) -> dict[Log, Head]:
    """By log, the head that was kept last, if in the ISO week of `now`: what is before it was found whole then.

    A log without one is due to be recomputed whole.
    """
    newest = {log: _lines(_file(home, log))[-1:] for log in LOGS}
    return {
        log: Head(int(line[0][1]), line[0][2])
        for log, line in newest.items()
        if line and _week(line[0][0]) == _week(utc_text(utc(now)))
    }


def _week(moment: str) -> tuple[int, int]:
    """Year and week of a moment, as ISO 8601 counts them."""
    return datetime.fromisoformat(moment).isocalendar()[:2]


def _file(home: Path, log: Log) -> Path:
    return home / f"{log.name}_heads.txt"


def _hashes(file: Path) -> list[str]:
    return [line[-1] for line in _lines(file)]


def _lines(file: Path) -> list[tuple[str, str, str]]:
    """Time, number and hash of each head in a file; one that a full disk or a kill cut short is none."""
    return _LINE.findall(file.read_text(errors="replace")) if file.exists() else []


def faults(engine: Engine, known: Iterable[str] = (), starts: Mapping[Log, Head] | None = None) -> list[str]:
    """What is wrong with the logs, in sentences, once their chains are recomputed and known heads looked for.

    Args:
        engine: of the database.
        known: hashes that were heads once, from wherever they were kept.
        starts: by log, a known head after which it is recomputed; without one it is recomputed whole.
    """
    sought, starts = set(known) - {GENESIS}, starts or {}
    looks = [_look(engine, log, starts.get(log), sought) for log in LOGS]
    missing = sought.difference(*(present for _, present in looks))
    return [sentence for sentences, _ in looks for sentence in sentences] + [
        f"Neither log has a record with the hash {head}: some were removed, or all were rewritten."
        for head in sorted(missing)
    ]


def _look(engine: Engine, log: Log, start: Head | None, sought: Collection[str]) -> tuple[list[str], set[str]]:
    """What is wrong with a log, in sentences, and which of the hashes are in it.

    SQLite takes anything in any column: what no longer reads as what was written was tampered with.
    """
    try:
        with reading(engine) as conn:
            broken = [f"The {log.name} log is broken at {each.seq}: {each.what}." for each in log.verify(conn, start)]
            return broken, log.among(conn, sought)
    except (ValueError, TypeError, SQLAlchemyError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        return [f"The {log.name} log is broken: it cannot be read ({reason})."], set()


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
