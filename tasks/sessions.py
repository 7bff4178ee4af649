"""The record of processed sessions: what makes the loop idempotent, and the clock of a replay."""

from __future__ import annotations

from datetime import datetime

from evergreen.adapters.database import ledger, reading, writing
from evergreen.errors import NotFound
from evergreen.market_data.delivery import Delivery
from evergreen.workspace import workspace
from tasks.artifacts import show, table
from tasks.decorators import effect
from tasks.drift import DriftFinding

MISSED = "No forecast was made in this session: its bars came after the next one had closed."


@effect
def last_closed_session() -> str | None:
    """The last processed session (ISO), None before the first."""
    at = workspace()
    with reading(at.engine) as conn:
        return ledger.clock(conn, at.settings.model_name)


@effect
def is_closed(session: str) -> bool:
    """Whether the session (ISO) is on record as processed."""
    at = workspace()
    with reading(at.engine) as conn:
        return ledger.read_session(conn, at.settings.model_name, session) is not None


@effect
def latest_data_version() -> ledger.DataVersion:
    """The newest data version.

    Raises:
        NotFound: no data has come in yet.
    """
    with reading(workspace().engine) as conn:
        versions = ledger.data_versions(conn, limit=1)
    if not versions:
        raise NotFound("No data version is on record.", "Run the backfill first.")
    return versions[0]


@effect
def close_session(
    delivery: Delivery, data_version: str, finding: DriftFinding | None, now: datetime, missed: bool = False
) -> None:
    """Write the delivery's last session down as processed, and show what came in, what was refused and what drifted.

    With `missed` its bars came too late for a forecast.
    """
    at = workspace()
    processed = ledger.ProcessedSession(
        model=at.settings.model_name,
        as_of=delivery.last,
        finished_at=now,
        data_version=data_version,
        report=delivery.summary() | {"forecasts_missed": missed},
    )
    with writing(at.engine) as conn:
        ledger.record_session(conn, processed)
    late = f" {MISSED}" if missed else ""
    print(f"Session {processed.as_of} is closed with data version {data_version}. {drift_line(finding)}{late}")
    counts = {
        "rows": delivery.rows,
        "added": delivery.added,
        "refused": delivery.refused,
        "data": data_version,
    }
    show(
        "session",
        f"Session {processed.as_of}",
        table([counts]),
        table(delivery.findings[:20]),
        drift_line(finding),
        MISSED if missed else "",
    )


def drift_line(finding: DriftFinding | None) -> str:
    """One sentence on the session's drift check."""
    return finding.sentence if finding else "No drift check in this session."
