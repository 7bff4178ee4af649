"""What was done and when: data versions, sessions, drift checks, model versions, materializations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from evergreen.adapters.database.rows import every, first, insert_new, upsert, values
from evergreen.adapters.database.schema import (
    data_version,
    drift_check,
    materialization,
    model_version,
    session_log,
)
from evergreen.core.bars.session import Session, iso
from evergreen.errors import Broken, NotFound

DELIVERY = "delivered_forecasts"  # beside Feast's views


@dataclass(frozen=True, kw_only=True)
class DataVersion:
    """A snapshot of the bar store and what the delivery behind it brought."""

    id: str
    created_at: datetime
    as_of: str
    rows_added: int
    rows_refused: int
    source: str
    restated: int = 0
    first_session: str | None = None
    last_session: str | None = None
    parent: str | None = None
    report: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ProcessedSession:
    """A session the daily loop has finished."""

    model: str
    as_of: str
    finished_at: datetime
    data_version: str | None = None
    report: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DriftRecord:
    """One drift check of a model version at a session; without p and statistic when history was too short."""

    model: str
    as_of: str
    version: str
    drifted: bool
    verdict: str
    p_value: float | None = None
    statistic: float | None = None
    culprits: Sequence[Any] = ()
    window_start: str | None = None
    window_end: str | None = None


@dataclass(frozen=True, kw_only=True)
class ModelVersion:
    """A registered model and the hashes its files must have.

    `files`: name -> SHA-256 of each file it is verified by; empty on a record from before they were kept.
    """

    model: str
    version: str
    run_id: str
    sha256: str
    as_of: str
    created_at: datetime
    kind: str
    data_version: str | None = None
    request_id: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Materialization:
    """How far a feature view is materialized: `watermark` is the newest event timestamp online (UTC)."""

    view: str
    watermark: datetime
    session: str
    rows: int
    finished_at: datetime


def record_data_version(conn: Connection, snapshot: DataVersion) -> None:
    """Keep a data version; the first record of an id stays."""
    insert_new(conn, data_version, [values(snapshot)])


def read_data_version(conn: Connection, version_id: str) -> DataVersion:
    """The data version with that id.

    Raises:
        NotFound: it is not on record.
    """
    snapshot = first(conn, select(data_version).where(data_version.c.id == version_id), DataVersion)
    if snapshot is None:
        raise NotFound(f"no data version {version_id!r} is on record.", "See `evergreen data log`.")
    return snapshot


def data_versions(conn: Connection, limit: int = 20) -> list[DataVersion]:
    """The last data versions, newest first."""
    newest = (data_version.c.as_of.desc(), data_version.c.created_at.desc())
    return every(conn, select(data_version).order_by(*newest).limit(limit), DataVersion)


def rows_told(conn: Connection) -> tuple[int, int]:
    """How many rows all data versions together say were added, and how many restated."""
    added, restated = func.sum(data_version.c.rows_added), func.sum(data_version.c.restated)
    sums = conn.execute(select(func.coalesce(added, 0), func.coalesce(restated, 0))).one()
    return int(sums[0]), int(sums[1])


def record_session(conn: Connection, processed: ProcessedSession) -> None:
    """Mark a session as processed; again replaces its report."""
    upsert(conn, session_log, [values(processed)])


def read_session(conn: Connection, model: str, as_of: Session) -> ProcessedSession | None:
    """The record of a processed session, or None when it is still to do."""
    query = select(session_log).where(session_log.c.model == model, session_log.c.as_of == iso(as_of))
    return first(conn, query, ProcessedSession)


def sessions(conn: Connection, model: str, limit: int = 20) -> list[ProcessedSession]:
    """The last processed sessions, newest first."""
    query = select(session_log).where(session_log.c.model == model)
    return every(conn, query.order_by(session_log.c.as_of.desc()).limit(limit), ProcessedSession)


def count_sessions(conn: Connection, model: str) -> int:
    """How many sessions the daily loop has processed; the one that closed the backfill is not counted."""
    query = select(func.count()).select_from(session_log).where(session_log.c.model == model)
    return max(0, int(conn.execute(query).scalar_one()) - 1)


def clock(conn: Connection, model: str) -> str | None:
    """The last processed session as ISO date: where the virtual clock stands. None before the first."""
    query = select(func.max(session_log.c.as_of)).where(session_log.c.model == model)
    return conn.execute(query).scalar()


def record_drift_check(conn: Connection, checked: DriftRecord) -> None:
    """Keep a drift check; again at the same session replaces it."""
    upsert(conn, drift_check, [values(checked)])


def drift_checks(conn: Connection, model: str, version: str | None = None, limit: int = 250) -> list[DriftRecord]:
    """The last drift checks of a model (of one version, if given), newest first."""
    query = select(drift_check).where(drift_check.c.model == model)
    if version is not None:
        query = query.where(drift_check.c.version == version)
    return every(conn, query.order_by(drift_check.c.as_of.desc()).limit(limit), DriftRecord)


def record_model_version(conn: Connection, registered: ModelVersion) -> None:
    """Keep a registered model; the first record stays.

    Raises:
        Broken: the version is on record with another hash.
    """
    insert_new(conn, model_version, [values(registered)])
    known = read_model_version(conn, registered.model, registered.version)
    if (known.run_id, known.sha256) != (registered.run_id, registered.sha256):
        raise Broken(
            f"version {known.version} of {known.model!r} is on record as run {known.run_id} with sha256 "
            f"{known.sha256[:12]}, not {registered.run_id} with {registered.sha256[:12]}.",
            "Register the new file as a new version.",
        )


def record_files(conn: Connection, registered: ModelVersion, files: Mapping[str, str]) -> None:
    """Complete a record from before the hashes of all files were kept; a complete one stays as it is."""
    known = (model_version.c.model == registered.model, model_version.c.version == registered.version)
    conn.execute(update(model_version).where(*known, model_version.c.files == {}).values(files=files))


def version_of_run(conn: Connection, model: str, run_id: str, offered: str) -> str:
    """The version that a run's model is or will be on record as: of its own, or `offered` if that is free.

    A registry that lost its database counts from anew and offers numbers that others have: then it is one more
    than the highest on record.
    """
    known = {row.version: row.run_id for row in model_versions(conn, model)}
    own = [version for version, run in known.items() if run == run_id]
    if own:
        return own[0]
    return offered if offered not in known else str(1 + max(int(version) for version in known))


def read_model_version(conn: Connection, model: str, version: str) -> ModelVersion:
    """A registered model.

    Raises:
        NotFound: it is not on record.
    """
    query = select(model_version).where(model_version.c.model == model, model_version.c.version == version)
    registered = first(conn, query, ModelVersion)
    if registered is None:
        raise NotFound(f"no version {version} of {model!r} is on record.", "See `evergreen status`.")
    return registered


def model_versions(conn: Connection, model: str) -> list[ModelVersion]:
    """All registered versions of a model, newest first."""
    query = select(model_version).where(model_version.c.model == model)
    return every(conn, query.order_by(model_version.c.created_at.desc()), ModelVersion)


def record_materialization(conn: Connection, materialized: Materialization) -> None:
    """Keep how far a view is materialized; its watermark never goes back."""
    upsert(conn, materialization, [values(materialized)], newer_by="watermark")


def record_delivery(conn: Connection, session: Session, rows: int, now: datetime) -> None:
    """Keep that forecasts made elsewhere were read: `rows` are on record since, of all sessions. The service looks."""
    mark = Materialization(view=DELIVERY, watermark=now, session=iso(session), rows=rows, finished_at=now)
    upsert(conn, materialization, [values(mark)])


def read_materialization(conn: Connection, view: str) -> Materialization | None:
    """How far a view is materialized, or None before the first time."""
    return first(conn, select(materialization).where(materialization.c.view == view), Materialization)
