"""A chain of hashes over append-only records: edits, insertions and deletions show."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

GENESIS = "0" * 64  # what the first record follows: no record has this hash


@dataclass(frozen=True)
class Link:
    """One record of a chain: its number from 1, its content, the hash before it and its own."""

    seq: int
    body: Mapping[str, Any]
    prev_hash: str
    hash: str


@dataclass(frozen=True)
class Head:
    """The end of a chain: the number of its last record and that record's hash, which stands for all of them."""

    seq: int
    hash: str


@dataclass(frozen=True)
class ChainBreak:
    """Where a chain does not hold: the number of the record and what is wrong there."""

    seq: int
    what: str


def canonical(value: Any) -> str:
    """JSON text that is equal for equal values: sorted keys, no spaces, UTF-8 as it is.

    JSON has no NaN or infinity: they become the strings "NaN", "Infinity" and "-Infinity". Moments become ISO
    8601 in UTC with microseconds, dates ISO dates, enumerations their value, numpy scalars and arrays plain
    numbers.

    Raises:
        TypeError: a value that has no such form.
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(seq: int, body: Mapping[str, Any], prev_hash: str) -> str:
    """SHA-256, in hexadecimal, over the canonical JSON of a record's number, content and predecessor."""
    text = canonical({"seq": seq, "body": body, "prev_hash": prev_hash})
    return hashlib.sha256(text.encode()).hexdigest()


def breaks(links: Iterable[Link], head_seq: int, head_hash: str, start: Head | None = None) -> list[ChainBreak]:
    """Recompute a chain in order of `seq`; an empty list means that it holds.

    Args:
        links: every record on file, by rising `seq`; with `start` those after it.
        head_seq: number of the last record ever appended, kept apart from the records: a cut-off tail shows.
        head_hash: hash of that record; GENESIS when there was none.
        start: a head that was found whole before.
    """
    broken: list[ChainBreak] = []
    expected, previous = (start.seq + 1, start.hash) if start else (1, GENESIS)
    for link in links:
        broken += _breaks_at(link, expected, previous)
        expected, previous = link.seq + 1, link.hash
    if (expected - 1, previous) != (head_seq, head_hash):
        broken.append(ChainBreak(head_seq, f"the last record is {expected - 1}, the head says {head_seq}"))
    return broken


def _breaks_at(link: Link, expected: int, previous: str) -> list[ChainBreak]:
    broken = []
    if link.seq != expected:
        broken.append(ChainBreak(link.seq, f"record {expected} is missing before it"))
    if link.prev_hash != previous:
        broken.append(ChainBreak(link.seq, "it does not follow the record before it"))
    if link.hash != digest(link.seq, link.body, link.prev_hash):
        broken.append(ChainBreak(link.seq, "its content is not what its hash says"))
    return broken


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bool):
        return str(value.value) if isinstance(value, Enum) else value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else _name_of_non_finite(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    raise TypeError(f"{type(value).__name__} has no canonical JSON form")


def _name_of_non_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds; a moment without a zone is taken as UTC already."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
