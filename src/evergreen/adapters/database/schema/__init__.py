"""The tables of the operational database. Times are UTC, sessions ISO dates, JSON canonical text."""

from __future__ import annotations

from evergreen.adapters.database.schema.base import metadata
from evergreen.adapters.database.schema.data import (
    QUARANTINE_STATES,
    SETTLEMENTS,
    data_version,
    materialization,
    owed_bar,
    quarantine,
    session_log,
)
from evergreen.adapters.database.schema.learning import (
    REQUEST_STATES,
    drift_check,
    model_version,
    retrain_request,
    trial,
)
from evergreen.adapters.database.schema.serving import (
    BATCH_KINDS,
    decision,
    decision_head,
    forecast,
    interval,
    outcome,
    prediction,
    prediction_batch,
    prediction_head,
    rollout,
)

HEAD = "0013_targets"  # the migration this code was written for
BEGIN = "evergreen_begin"  # execution option: how a transaction begins on SQLite; "" for none

__all__ = [
    "BATCH_KINDS",
    "BEGIN",
    "HEAD",
    "QUARANTINE_STATES",
    "REQUEST_STATES",
    "SETTLEMENTS",
    "data_version",
    "decision",
    "decision_head",
    "drift_check",
    "forecast",
    "interval",
    "materialization",
    "metadata",
    "model_version",
    "outcome",
    "owed_bar",
    "prediction",
    "prediction_batch",
    "prediction_head",
    "quarantine",
    "retrain_request",
    "rollout",
    "session_log",
    "trial",
]
