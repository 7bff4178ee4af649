"""The tables of the operational database. Times are UTC, sessions ISO dates, JSON canonical text."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from evergreen.adapters.database.types import CanonicalJson, SessionDate, UtcTime

HEAD = "0004_took"  # the migration this code was written for
BEGIN = "evergreen_begin"  # execution option: how a transaction begins on SQLite; "" for none
STAGES = ("steady", "shadow", "canary_5", "canary_25", "canary_50")
REQUEST_STATES = ("pending", "running", "done", "failed")
MODEL_KINDS = ("random_walk", "lightgbm")
QUARANTINE_STATES = ("held", "released", "repaired", "restated", "discarded")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    names = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({names})", name=column)


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
    _one_of("stage", STAGES),
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
    Column("price", Float, nullable=False),
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
    Column("took_us", Integer),
    Index(None, "as_of"),
    Index(None, "at"),
)

outcome = Table(
    "outcome",
    metadata,
    Column("ticker", Text, nullable=False),
    Column("session", SessionDate, nullable=False),
    Column("horizon", Integer, nullable=False),
    Column("value", Float, nullable=False),
    Column("known_at", UtcTime, nullable=False),
    Column("data_version", Text, nullable=False),
    PrimaryKeyConstraint("session", "horizon", "ticker"),
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

retrain_request = Table(
    "retrain_request",
    metadata,
    Column("id", Text, primary_key=True),
    Column("key", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("as_of", SessionDate, nullable=False),
    Column("data_version", Text, nullable=False),
    Column("evidence", CanonicalJson, nullable=False),
    Column("state", Text, nullable=False),
    Column("claimed_by", Text),
    Column("lease_until", UtcTime),
    Column("fence", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("run_id", Text),
    Column("version", Text),
    Column("verdict", Text),
    Column("created_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    UniqueConstraint("key"),
    _one_of("state", REQUEST_STATES),
    Index(None, "model", "state"),
)

trial = Table(
    "trial",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("model", Text, nullable=False),
    Column("champion", Text, nullable=False),
    Column("challenger", Text, nullable=False),
    Column("window_start", SessionDate, nullable=False),
    Column("window_end", SessionDate, nullable=False),
    Column("as_of", SessionDate, nullable=False),
    Column("request_id", Text),
    UniqueConstraint("model", "champion", "challenger"),
)

data_version = Table(
    "data_version",
    metadata,
    Column("id", Text, primary_key=True),
    Column("created_at", UtcTime, nullable=False),
    Column("as_of", SessionDate, nullable=False),
    Column("rows_added", Integer, nullable=False),
    Column("rows_refused", Integer, nullable=False),
    Column("restated", Integer, nullable=False),
    Column("first_session", SessionDate),
    Column("last_session", SessionDate),
    Column("source", Text, nullable=False),
    Column("parent", Text),
    Column("report", CanonicalJson, nullable=False),
)

session_log = Table(
    "session_log",
    metadata,
    Column("model", Text, primary_key=True),
    Column("as_of", SessionDate, primary_key=True),
    Column("data_version", Text),
    Column("finished_at", UtcTime, nullable=False),
    Column("report", CanonicalJson, nullable=False),
)

drift_check = Table(
    "drift_check",
    metadata,
    Column("model", Text, primary_key=True),
    Column("as_of", SessionDate, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("p_value", Float),
    Column("statistic", Float),
    Column("drifted", Boolean, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("culprits", CanonicalJson, nullable=False),
    Column("window_start", SessionDate),
    Column("window_end", SessionDate),
)

model_version = Table(
    "model_version",
    metadata,
    Column("model", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("as_of", SessionDate, nullable=False),
    Column("data_version", Text),
    Column("request_id", Text),
    Column("created_at", UtcTime, nullable=False),
    Column("kind", Text, nullable=False),
    _one_of("kind", MODEL_KINDS),
)

materialization = Table(
    "materialization",
    metadata,
    Column("view", Text, primary_key=True),
    Column("watermark", UtcTime, nullable=False),
    Column("session", SessionDate, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("finished_at", UtcTime, nullable=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Text, primary_key=True),
    Column("opened_at", UtcTime, nullable=False),
    Column("as_of", SessionDate, nullable=False),
    Column("source", Text, nullable=False),
    Column("ticker", Text, nullable=False),
    Column("first_session", SessionDate, nullable=False),
    Column("last_session", SessionDate, nullable=False),
    Column("bars", Integer, nullable=False),
    Column("findings", CanonicalJson, nullable=False),
    Column("state", Text, nullable=False),
    Column("closed_at", UtcTime),
    Column("reason", Text),
    _one_of("state", QUARANTINE_STATES),
    Index(None, "state", "ticker"),
)
