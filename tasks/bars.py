"""Bars in: fetched, validated, kept or refused, and versioned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from evergreen.core.calendar import sessions
from evergreen.errors import DeliveryBlocked
from evergreen.workspace import workspace
from tasks.decorators import effect


@dataclass(frozen=True)
class Delivery:
    """What became of one delivery. Sessions are trading dates; counts are rows."""

    source: str
    first: pd.Timestamp
    last: pd.Timestamp
    rows: int
    added: int
    restated: int
    refused: int
    blocked: bool
    findings: list[dict[str, object]]
    page: str
    changed_from: pd.Timestamp | None


@effect
def ingest_bars(
    source: str, tickers: list[str], first: pd.Timestamp, last: pd.Timestamp, now: datetime, *, history: bool
) -> Delivery:
    """Fetch sessions `first` to `last`, refuse the bad rows and keep the rest as known at `now`.

    `history` rows are taken as known at their own session's close, and marked so.
    """
    from evergreen.adapters.bars import open_source
    from evergreen.adapters.gx import validate
    from evergreen.core.quality import split

    at = workspace()
    bars = open_source(source).fetch(tickers, first, last)
    calendar = sessions(at.settings.calendar, first, last)
    report = validate(bars, calendar, at.settings.home.resolve() / "reports" / f"{last:%Y-%m-%d}")
    accepted, refused = split(bars, report.findings)
    kept = accepted.iloc[:0] if report.blocked else accepted
    appended = at.bars.append(kept, now, source, assumed=history)
    return Delivery(
        source=source,
        first=first,
        last=last,
        rows=len(bars),
        added=appended.added,
        restated=appended.restated,
        refused=len(bars) - len(kept),
        blocked=report.blocked,
        findings=[finding.to_dict() for finding in report.findings],
        page=str(report.page or ""),
        changed_from=appended.changed_from,
    )


@effect
def snapshot_bars(delivery: Delivery, as_of: pd.Timestamp, now: datetime) -> str:
    """Commit the bar store as it stands to DVC, push it, and write the version down. Returns the version."""
    from evergreen.adapters.database.ledger import DataVersion, record_data_version

    at = workspace()
    version = at.snapshots.commit()
    ...
    return version


def require_accepted(delivery: Delivery) -> None:
    """Stop a flow at a delivery that was refused as a whole.

    Raises:
        DeliveryBlocked: with the first reason and the place of the report.
    """
    if delivery.blocked:
        first = delivery.findings[0]["message"]
        raise DeliveryBlocked(f"The delivery of {delivery.last:%Y-%m-%d} was refused: {first}", f"See {delivery.page}.")
