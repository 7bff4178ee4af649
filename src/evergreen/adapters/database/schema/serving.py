"""Who serves what and why, what was served, and what came true."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Float, Index, Integer, PrimaryKeyConstraint, Table, Text

from evergreen.adapters.database.schema.base import metadata, one_of
from evergreen.adapters.database.types import CanonicalJson, SessionDate, UtcTime

BATCH_KINDS = ("served", "let go")

rollout = Table(
    "rollout",
    metadata,
    Column("model", Text, primary_key=True),
    Column("champion", Text, nullable=False),
    Column("previous_champion", Text),
    Column("challenger", Text),
    Column("stage", Text, nullable=False),
    Column("weight", Integer, nullable=False),
    Column("salt", Text, nullable=False),
    Column("evidence", CanonicalJson),
    Column("stage_session", SessionDate, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    CheckConstraint("weight BETWEEN 0 AND 10000", name="weight"),
    CheckConstraint("(stage = 'steady') = (challenger IS NULL)", name="challenger"),
)

decision = Table(
    "decision",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcTime, nullable=False),
    Column("model", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("as_of", SessionDate, nullable=False),
    Column("subject", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("evidence", CanonicalJson, nullable=False),
    Column("prev_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index(None, "subject"),
)

decision_head = Table(
    "decision_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, nullable=False),
    Column("hash", Text, nullable=False),
    CheckConstraint("id = 1", name="single"),
)

prediction = Table(
    "prediction",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("client", Text, nullable=False),
    Column("ticker", Text, nullable=False),
    Column("as_of", SessionDate, nullable=False),
    Column("arm", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("price", Float),
    Column("lower", Float, nullable=False),
    Column("upper", Float, nullable=False),
    Column("last_close", Float, nullable=False),
    Column("forecast", Float, nullable=False),
    Column("feature_hash", Text, nullable=False),
    Column("champion_version", Text, nullable=False),
    Column("champion_raw", Float, nullable=False),
    Column("challenger_version", Text),
    Column("challenger_raw", Float),
    Column("rollout_version", Integer, nullable=False),
    Column("latency_us", Integer),
    Column("batch", Integer, nullable=False),
    Index(None, "as_of"),
    Index(None, "at"),
    Index(None, "batch"),
)

prediction_batch = Table(
    "prediction_batch",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("let_go_by", Integer),
    Column("prev_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    one_of("kind", BATCH_KINDS),
)

prediction_head = Table(
    "prediction_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, nullable=False),
    Column("hash", Text, nullable=False),
    Column("letting_go", Integer, nullable=False),
    CheckConstraint("id = 1", name="single"),
)

outcome = Table(
    "outcome",
    metadata,
    Column("ticker", Text, nullable=False),
    Column("session", SessionDate, nullable=False),
    Column("horizon", Integer, nullable=False),
    Column("target", Text, nullable=False),
    Column("value", Float, nullable=False),
    Column("known_at", UtcTime, nullable=False),
    Column("data_version", Text, nullable=False),
    PrimaryKeyConstraint("session", "horizon", "target", "ticker"),
)

forecast = Table(
    "forecast",
    metadata,
    Column("session", SessionDate, nullable=False),
    Column("ticker", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("value", Float),
    Column("feature_hash", Text, nullable=False),
    Column("made_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("version", "session", "ticker"),
)

interval = Table(
    "interval",
    metadata,
    Column("model", Text, primary_key=True),
    Column("session", SessionDate, primary_key=True),
    Column("scales", CanonicalJson, nullable=False),
    Column("bands", CanonicalJson, nullable=False),
)
