"""The prediction log is a chain of batches, and append-only but for what was exported.

Revision ID: 0009_prediction_chain
Revises: 0008_files
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy as sa
from alembic import op

revision = "0009_prediction_chain"
down_revision = "0008_files"

GENESIS = "0" * 64
LETTING_GO = "(SELECT letting_go FROM prediction_head) = 1"
REFUSE = "BEGIN SELECT RAISE(ABORT, 'predictions are append-only'); END"
FLOATS = ("price", "lower", "upper", "last_close", "forecast")
TEXTS = ("client", "ticker", "arm", "version")
CHAINED = sa.table(  # in the order of a batch's hash
    "prediction",
    sa.column("id"),
    sa.column("at", sa.DateTime(timezone=True)),
    sa.column("as_of"),
    sa.column("challenger_raw"),
    *(sa.column(name) for name in (*TEXTS, *FLOATS, "feature_hash", "champion_version", "champion_raw")),
    *(sa.column(name) for name in ("challenger_version", "rollout_version", "latency_us")),
)


def upgrade() -> None:
    """What was served before becomes a batch for each session."""
    _create_tables()
    op.add_column("prediction", sa.Column("batch", sa.Integer(), nullable=False, server_default="0"))
    seq, head = _chain_sessions()
    op.create_index("ix_prediction_batch", "prediction", ["batch"])
    op.execute(f"INSERT INTO prediction_head (id, seq, hash, letting_go) VALUES (1, {seq}, '{head}', 0)")
    (_guard_on_sqlite if op.get_bind().dialect.name == "sqlite" else _guard_on_postgresql)()


def downgrade() -> None:
    """The chain is given up; the predictions stay."""
    if op.get_bind().dialect.name == "sqlite":
        for what in ("no_update", "no_delete", "no_replace"):
            op.execute(f"DROP TRIGGER prediction_{what}")
    else:
        op.execute("DROP TRIGGER prediction_append_only ON prediction")
        op.execute("DROP TRIGGER prediction_no_truncate ON prediction")
        op.execute("DROP FUNCTION prediction_is_append_only")
    op.drop_index("ix_prediction_batch", "prediction")
    op.drop_column("prediction", "batch")
    op.drop_table("prediction_head")
    op.drop_table("prediction_batch")


def _create_tables() -> None:
    op.create_table(
        "prediction_batch",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("let_go_by", sa.Integer()),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("prev_hash", "hash")),
        sa.CheckConstraint("kind IN ('served', 'let go')", name="ck_prediction_batch_kind"),
        sa.PrimaryKeyConstraint("seq", name="pk_prediction_batch"),
    )
    op.create_table(
        "prediction_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("letting_go", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1", name="ck_prediction_head_single"),
        sa.PrimaryKeyConstraint("id", name="pk_prediction_head"),
    )


def _chain_sessions() -> tuple[int, str]:
    """Chain what is on file, a batch for each session; the head."""
    conn, seq, head = op.get_bind(), 0, GENESIS
    sessions = sa.select(CHAINED.c.as_of).distinct().order_by(CHAINED.c.as_of)
    batch = sa.table("prediction_batch", *map(sa.column, ("seq", "kind", "size", "sha256", "prev_hash", "hash")))
    for (session,) in conn.execute(sessions).all():
        rows = conn.execute(sa.select(CHAINED).where(CHAINED.c.as_of == session).order_by(CHAINED.c.id)).all()
        seq += 1
        body = {"kind": "served", "sha256": _content_hash(rows), "size": len(rows)}
        own = _digest(seq, body, head)
        conn.execute(batch.insert().values(seq=seq, prev_hash=head, hash=own, **body))
        conn.execute(sa.text("UPDATE prediction SET batch = :seq WHERE as_of = :as_of"), {"seq": seq, "as_of": session})
        head = own
    return seq, head


def _content_hash(rows: Sequence[Any]) -> str:
    return hashlib.sha256(orjson.dumps([(key, _text(at), *rest) for key, at, *rest in rows])).hexdigest()


def _text(at: datetime) -> str:
    moment = at if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(" ", "microseconds")


def _digest(seq: int, body: dict[str, Any], prev_hash: str) -> str:
    content = {"body": body, "prev_hash": prev_hash, "seq": seq}
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


def _guard_on_sqlite() -> None:
    op.execute(f"CREATE TRIGGER prediction_no_update BEFORE UPDATE ON prediction {REFUSE}")
    op.execute(f"CREATE TRIGGER prediction_no_delete BEFORE DELETE ON prediction WHEN NOT {LETTING_GO} {REFUSE}")
    # INSERT OR REPLACE deletes without firing the trigger above
    op.execute(
        "CREATE TRIGGER prediction_no_replace BEFORE INSERT ON prediction"
        f" WHEN EXISTS (SELECT 1 FROM prediction WHERE id = NEW.id) {REFUSE}"
    )


def _guard_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION prediction_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF TG_OP = 'DELETE' AND {LETTING_GO} THEN RETURN NULL; END IF;"
        " RAISE EXCEPTION 'predictions are append-only'; END $$"
    )
    for name, event in (("append_only", "UPDATE OR DELETE"), ("no_truncate", "TRUNCATE")):
        op.execute(
            f"CREATE TRIGGER prediction_{name} BEFORE {event} ON prediction"
            " FOR EACH STATEMENT EXECUTE FUNCTION prediction_is_append_only()"
        )
