"""The prediction log's chain: what is committed together is a batch, which hashes its rows and the batch before it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any

import orjson
from sqlalchemy import Connection, Dialect, func, select, update

from evergreen.adapters.database import chain_heads
from evergreen.adapters.database.schema import prediction, prediction_batch, prediction_head
from evergreen.core.hash_chain import ChainBreak, Head, Link, breaks, digest
from evergreen.errors import Broken

CONVERTED = ("id", "at", "as_of", "challenger_raw")
CHAINED = (  # the columns a batch's hash is over; their order is part of it
    *CONVERTED,
    *(column.name for column in prediction.columns if column.name not in (*CONVERTED, "batch")),
)
AT_ONCE = 1_000  # batches checked at a time: at most 256,000 rows, 100 MB

_PLACE = "UPDATE prediction_head SET seq = seq + 1 RETURNING seq, hash"
_ENTRY = "INSERT INTO prediction_batch (seq, kind, size, sha256, prev_hash, hash) VALUES ({0}, {0}, {0}, {0}, {0}, {0})"
_HEAD = "UPDATE prediction_head SET hash = {0}"

Row = Sequence[Any]
Execute = Callable[..., Any]


def chained_time(at: datetime) -> str:
    """A moment in UTC as a batch's hash, and SQLite, has it."""
    return at.replace(tzinfo=None).isoformat(" ", "microseconds")


def content_hash(rows: Sequence[Row]) -> str:
    """SHA-256 over the rows of a batch in order of their ids: `CHAINED`, times as `chained_time` gives them."""
    return hashlib.sha256(orjson.dumps(sorted(rows, key=itemgetter(0)))).hexdigest()


def append(execute: Execute, mark: str, kind: str, size: int, sha256: str) -> int:
    """Add a batch to the chain, in the transaction that writes or deletes its rows; returns its number.

    Appenders queue behind each other until the transaction ends, so the chain cannot fork.

    Args:
        execute: a driver's own, or `Connection.exec_driver_sql`: past the expression language, as the rows themselves.
        mark: the driver's, for a parameter.
        kind: one of `BATCH_KINDS`.
        size: how many rows it has.
        sha256: their `content_hash`.
    """
    seq, prev_hash = execute(_PLACE).fetchone()
    own_hash = digest(seq, {"kind": kind, "size": size, "sha256": sha256}, prev_hash)
    execute(_ENTRY.format(mark), (seq, kind, size, sha256, prev_hash, own_hash))
    execute(_HEAD.format(mark), (own_hash,))
    return int(seq)


def mark_of(dialect: Dialect) -> str:
    """How a driver's SQL marks a parameter."""
    return "?" if dialect.name == "sqlite" else "%s"


def let_go(conn: Connection, exported: Mapping[int, Sequence[Row]]) -> int:
    """Delete the batches that were exported whole, and chain that they were; returns how many predictions went.

    The log takes no other deletion. A batch of which only some rows were exported stays.

    Args:
        conn: of a transaction of its own.
        exported: by batch, the rows that were written elsewhere.

    Raises:
        Broken: what was exported is not what was served; nothing is deleted.
    """
    served = select(prediction_batch).where(
        prediction_batch.c.seq.in_(exported), prediction_batch.c.let_go_by.is_(None)
    )
    whole = [
        batch
        for batch in conn.execute(served.order_by(prediction_batch.c.seq))
        if batch.size == len(exported[batch.seq])
    ]
    for batch in whole:
        if content_hash(exported[batch.seq]) != batch.sha256:
            raise Broken(f"Batch {batch.seq} of the prediction log is not what was served.", "See `evergreen audit`.")
    numbers = [batch.seq for batch in whole]
    return _delete(conn, numbers) if numbers else 0


def _delete(conn: Connection, numbers: Sequence[int]) -> int:
    conn.execute(update(prediction_head).values(letting_go=1))
    deleted = conn.execute(prediction.delete().where(prediction.c.batch.in_(numbers))).rowcount
    by = append(conn.exec_driver_sql, mark_of(conn.dialect), "let go", deleted, _numbers_hash(numbers))
    conn.execute(update(prediction_batch).where(prediction_batch.c.seq.in_(numbers)).values(let_go_by=by))
    conn.execute(update(prediction_head).values(letting_go=0))
    return deleted


def head(conn: Connection) -> Head:
    """Where the chain ends.

    Raises:
        Broken: the head is missing.
    """
    return chain_heads.head(conn, prediction_head, "prediction")


def among(conn: Connection, known: Collection[str]) -> set[str]:
    """Which of the hashes that were once heads are in the chain."""
    return chain_heads.among(conn, prediction_batch, known)


def verify(conn: Connection, start: Head | None = None) -> list[ChainBreak]:
    """Recompute the chain from what is stored; an empty list: nothing was edited, added or removed.

    With `start`, a head that was found whole before, only of the batches after it.
    """
    end = conn.execute(select(prediction_head.c.seq, prediction_head.c.hash)).one_or_none()
    if end is None:
        return [ChainBreak(0, "the head of the chain is missing")]
    after = start.seq if start else 0
    let_go_in = _let_go(conn, after)
    broken = breaks((_link(batch) for batch in _batches(conn, after)), end.seq, end.hash, start)
    for batch in _batches(conn, after):
        if batch.kind == "let go" and let_go_in.pop(batch.seq, "") != batch.sha256:
            broken.append(ChainBreak(batch.seq, "it let go of other batches than its hash says"))
    broken += [ChainBreak(seq, "batches are marked as let go that it did not let go of") for seq in let_go_in]
    return [*broken, *_content_breaks(conn, after)]


def _content_breaks(conn: Connection, after: int) -> Iterator[ChainBreak]:
    """Batches whose predictions are not those that were served, and predictions of no batch."""
    checked = 0
    for batches in _batches(conn, after).partitions(AT_ONCE):
        stored = _stored(conn, batches[0].seq, batches[-1].seq)
        for batch in batches:
            size, sha256 = stored.pop(batch.seq, (0, ""))
            here = batch.kind == "served" and batch.let_go_by is None
            checked += size
            if size != (batch.size if here else 0):
                yield ChainBreak(batch.seq, f"it has {size} predictions, not {batch.size if here else 0}")
            elif here and sha256 != batch.sha256:
                yield ChainBreak(batch.seq, "its predictions are not what its hash says")
    all_of_them = select(func.count()).select_from(prediction)
    strangers = (
        conn.execute(all_of_them.where(prediction.c.batch > after) if after else all_of_them).scalar_one() - checked
    )
    if strangers:
        yield ChainBreak(0, f"{strangers} predictions are of no batch")


def _stored(conn: Connection, first: int, last: int) -> dict[int, tuple[int, str]]:
    """Of each batch from `first` to `last`, its number of predictions on file and their hash."""
    columns = [prediction.c.batch, *(prediction.c[name] for name in CHAINED)]
    query = select(*columns).where(prediction.c.batch.between(first, last)).order_by(prediction.c.batch)
    rows = conn.execute(query, execution_options={"yield_per": 10_000})
    by_batch = ((batch, [chained(row[1:]) for row in members]) for batch, members in groupby(rows, itemgetter(0)))
    return {batch: (len(members), content_hash(members)) for batch, members in by_batch}


def chained(row: Row) -> list[Any]:
    """A row as it is hashed, from one as it is read."""
    key, at, *rest = row
    return [key, chained_time(at), *rest]


def _let_go(conn: Connection, after: int) -> dict[int, str]:
    """By the entry after `after` that let go of them, the hash of the batches' numbers."""
    columns = (prediction_batch.c.let_go_by, prediction_batch.c.seq)
    query = select(*columns).where(prediction_batch.c.let_go_by > after).order_by(*columns)
    rows = conn.execute(query)
    return {by: _numbers_hash([row.seq for row in members]) for by, members in groupby(rows, attrgetter("let_go_by"))}


def _numbers_hash(numbers: Sequence[int]) -> str:
    return hashlib.sha256(orjson.dumps(numbers)).hexdigest()


def _batches(conn: Connection, after: int) -> Any:
    query = select(prediction_batch).where(prediction_batch.c.seq > after).order_by(prediction_batch.c.seq)
    return conn.execute(query, execution_options={"yield_per": AT_ONCE})


def _link(batch: Any) -> Link:
    body = {"kind": batch.kind, "size": batch.size, "sha256": batch.sha256}
    return Link(batch.seq, body, batch.prev_hash, batch.hash)
