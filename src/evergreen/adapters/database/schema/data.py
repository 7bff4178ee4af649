"""What data came in, how far it was carried, and what was held back."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, Table, Text

from evergreen.adapters.database.schema.base import metadata, one_of
from evergreen.adapters.database.types import CanonicalJson, SessionDate, UtcTime

QUARANTINE_STATES = ("held", "released", "repaired", "restated", "discarded")
SETTLEMENTS = ("arrived", "refused", "written_off")

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
    one_of("state", QUARANTINE_STATES),
    Index(None, "state", "ticker"),
)

owed_bar = Table(
    "owed_bar",
    metadata,
    Column("ticker", Text, primary_key=True),
    Column("session", SessionDate, primary_key=True),
    Column("source", Text, nullable=False),
    Column("since", UtcTime, nullable=False),
    Column("forecast_missed", Boolean, nullable=False),
    Column("noticed", Boolean, nullable=False),
    Column("settlement", Text),
    Column("settled_at", UtcTime),
    Column("reason", Text, nullable=False),
    one_of("settlement", SETTLEMENTS),
    Index(None, "settlement", "session"),
)
