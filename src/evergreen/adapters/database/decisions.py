"""The decision log: append-only, each row hashes the one before it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, func, select, true, update

from evergreen.adapters.database import chain_heads
from evergreen.adapters.database.rows import every, first
from evergreen.adapters.database.schema import decision, decision_head
from evergreen.adapters.database.types import utc
from evergreen.core.bars.session import iso
from evergreen.core.hash_chain import GENESIS, ChainBreak, Head, Link, breaks, digest
from evergreen.core.policy.kinds import DecisionKind
from evergreen.errors import NotFound


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Something decided at the moment `at` by a run standing at session `as_of`.

    `kind` is a `DecisionKind`, `subject` what it is about (a model version, a request, a data version), `summary` one
    sentence for a person.
    """

    at: datetime
    model: str
    kind: str
    as_of: str
    subject: str
    summary: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RecordedDecision(Decision):
    """A decision on file, with its place in the chain."""

    seq: int
    prev_hash: str
    hash: str

    @property
    def turned(self) -> bool:
        """Whether it changed something: all do but a canary's look that left it where it was."""
        return self.kind != DecisionKind.CANARY or bool(self.evidence.get("moved", True))


@dataclass(frozen=True)
class ListedDecision:
    """A decision as a list shows it, without its evidence."""

    seq: int
    as_of: str
    kind: str
    subject: str
    summary: str


def append(conn: Connection, new: Decision) -> int:
    """Append a decision in the caller's transaction; returns its number in the chain.

    Appenders queue behind each other until the transaction ends, so the chain cannot fork.
    """
    seq, prev_hash = _next_place(conn)
    body = _body(new)
    own_hash = digest(seq, body, prev_hash)
    moment = {"at": utc(new.at), "evidence": new.evidence}
    conn.execute(decision.insert(), body | moment | {"seq": seq, "prev_hash": prev_hash, "hash": own_hash})
    conn.execute(update(decision_head).values(hash=own_hash))
    return seq


def verify(conn: Connection, start: Head | None = None) -> list[ChainBreak]:
    """Recompute the chain from what is stored, whole or after `start`; an empty list: nothing was edited or removed."""
    after = true() if start is None else decision.c.seq > start.seq
    query = (
        select(decision, decision_head.c.seq.label("head_seq"), decision_head.c.hash.label("head_hash"))
        .select_from(decision_head.outerjoin(decision, after))
        .order_by(decision.c.seq)
    )
    rows = conn.execute(query).mappings().all()
    if not rows:
        return [ChainBreak(0, "the head of the chain is missing")]
    return breaks(_links(rows), rows[0]["head_seq"], rows[0]["head_hash"], start)


def head(conn: Connection) -> Head:
    """Where the chain ends.

    Raises:
        Broken: the head is missing.
    """
    return chain_heads.head(conn, decision_head, "decision")


def among(conn: Connection, known: Collection[str]) -> set[str]:
    """Which of the hashes that were once heads are in the chain: all up to them is as it was, if the chain is whole."""
    return chain_heads.among(conn, decision, known)


def read(conn: Connection, model: str, seq: int) -> RecordedDecision:
    """The decision about a model at that place of the chain.

    Raises:
        NotFound: there is none, or it is about another model.
    """
    query = select(decision).where(decision.c.model == model, decision.c.seq == seq)
    recorded = first(conn, query, RecordedDecision)
    if recorded is None:
        raise NotFound(f"No decision {seq} about {model!r} is on record.", "The status page lists the last ones.")
    return recorded


def is_linked(conn: Connection, recorded: RecordedDecision) -> bool:
    """Whether a decision's content still has the hash it was given, and follows the decision before it."""
    before = conn.execute(select(decision.c.hash).where(decision.c.seq == recorded.seq - 1)).scalar()
    own = digest(recorded.seq, _body(recorded), recorded.prev_hash)
    return own == recorded.hash and recorded.prev_hash == (before or GENESIS)


def recent(conn: Connection, model: str, limit: int = 20) -> list[RecordedDecision]:
    """The last decisions about a model, newest first."""
    query = select(decision).where(decision.c.model == model).order_by(decision.c.seq.desc()).limit(limit)
    return every(conn, query, RecordedDecision)


def listed(conn: Connection, model: str, limit: int, kind: str = "", before: int | None = None) -> list[ListedDecision]:
    """The last decisions about a model, newest first: of one kind, and with smaller numbers than `before`, if told."""
    columns = [decision.c[each.name] for each in fields(ListedDecision)]
    query = select(*columns).where(decision.c.model == model).order_by(decision.c.seq.desc()).limit(limit)
    if kind:
        query = query.where(decision.c.kind == kind)
    if before is not None:
        query = query.where(decision.c.seq < before)
    return every(conn, query, ListedDecision)


def count_kinds(conn: Connection, model: str) -> dict[str, int]:
    """How many decisions of each kind there are about a model, by the kinds' names."""
    query = select(decision.c.kind, func.count()).where(decision.c.model == model).group_by(decision.c.kind)
    return {str(row[0]): int(row[1]) for row in conn.execute(query.order_by(decision.c.kind))}


def turns(conn: Connection, model: str, limit: int = 20) -> list[RecordedDecision]:
    """The last decisions about a model that changed something, newest first."""
    query = select(decision).where(decision.c.model == model).order_by(decision.c.seq.desc())
    rows = (RecordedDecision(**row) for row in conn.execute(query).mappings())
    return list(islice((one for one in rows if one.turned), limit))


def open_since(
    conn: Connection, model: str, kind: DecisionKind, closed_by: Collection[DecisionKind]
) -> list[RecordedDecision]:
    """Decisions of a kind whose subject has met none of the kinds in `closed_by` afterwards, oldest first."""
    later = decision.alias("later")
    closed = (
        select(later.c.seq)
        .where(
            later.c.subject == decision.c.subject,
            later.c.seq > decision.c.seq,
            later.c.kind.in_([str(each) for each in closed_by]),
        )
        .exists()
    )
    which = (decision.c.model == model, decision.c.kind == str(kind), ~closed)
    return every(conn, select(decision).where(*which).order_by(decision.c.seq), RecordedDecision)


def of_kinds(conn: Connection, model: str, kinds: Collection[DecisionKind]) -> list[RecordedDecision]:
    """All decisions about a model of these kinds, oldest first."""
    which = (decision.c.model == model, decision.c.kind.in_([str(kind) for kind in kinds]))
    return every(conn, select(decision).where(*which).order_by(decision.c.seq), RecordedDecision)


def of(conn: Connection, subject: str) -> list[RecordedDecision]:
    """All decisions about a subject, oldest first."""
    query = select(decision).where(decision.c.subject == subject).order_by(decision.c.seq)
    return every(conn, query, RecordedDecision)


def _next_place(conn: Connection) -> tuple[int, str]:
    taken = update(decision_head).values(seq=decision_head.c.seq + 1)
    seq, prev_hash = conn.execute(taken.returning(decision_head.c.seq, decision_head.c.hash)).one()
    return seq, prev_hash


def _body(new: Decision) -> dict[str, Any]:
    return {
        "at": utc(new.at),
        "model": new.model,
        "kind": str(new.kind),
        "as_of": iso(new.as_of),
        "subject": new.subject,
        "summary": new.summary,
        "evidence": new.evidence,
    }


def _links(rows: Any) -> Iterator[Link]:
    names = ("at", "model", "kind", "as_of", "subject", "summary", "evidence")
    for row in rows:
        if row["seq"] is not None:
            body = {name: row[name] for name in names}
            yield Link(row["seq"], body, row["prev_hash"], row["hash"])
