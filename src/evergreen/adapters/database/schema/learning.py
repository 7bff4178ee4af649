"""What asks for a retraining, what challenged, and which models there are."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Index, Integer, Table, Text, UniqueConstraint

from evergreen.adapters.database.schema.base import metadata, one_of
from evergreen.adapters.database.types import CanonicalJson, SessionDate, UtcTime

REQUEST_STATES = ("pending", "running", "done", "failed")

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
    one_of("state", REQUEST_STATES),
    Index(None, "model", "state"),
)

trial = Table(
    "trial",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("model", Text, nullable=False),
    Column("champion", Text, nullable=False),
    Column("challenger", Text, nullable=False),
    Column("recipe", Text, nullable=False),
    Column("window_start", SessionDate, nullable=False),
    Column("window_end", SessionDate, nullable=False),
    Column("as_of", SessionDate, nullable=False),
    Column("request_id", Text),
    UniqueConstraint("model", "champion", "challenger"),
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
    Column("files", CanonicalJson, nullable=False, server_default="{}"),
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
