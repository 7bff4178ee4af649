"""Bars in: fetched, validated, kept or refused, and versioned."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from evergreen.core.calendar import sessions

from evergreen.adapters.database import ledger, writing
from evergreen.errors import DeliveryBlocked
from evergreen.workspace import workspace
from tasks.decorators import effect


@dataclass(frozen=True)
class Delivery:
    """What became of one delivery; counts are rows, `first` and `last` ISO sessions.

    `changed_from` is the earliest session whose bars changed, None when nothing did; `page` is the path of the
    validation report.
    """

    source: str
    first: str
    last: str
    rows: int
    added: int
    restated: int
    refused: int
    blocked: bool
    findings: tuple[dict[str, Any], ...]
    page: str
    changed_from: str | None

    def summary(self) -> dict[str, Any]:
        """The delivery as it is kept with a data version: its findings counted by rule."""
        rules = pd.Series([finding["rule"] for finding in self.findings], dtype=object).value_counts()
        return asdict(self) | {"findings": {str(rule): int(count) for rule, count in rules.items()}}


@effect
def ingest_bars(
    source: str, tickers: list[str], first: pd.Timestamp, last: pd.Timestamp, now: datetime, history: bool
) -> Delivery:
    """Fetch sessions `first` to `last`, refuse the bad rows and keep the rest as known at `now`.

    With `history` each row is taken as known at its own session's close instead, and marked so.
    """
    from evergreen.adapters.bars import open_source
    from evergreen.adapters.gx import validate
    from evergreen.core.quality import split

    at = workspace()
    bars = open_source(source).fetch(tickers, first, last)
    calendar = sessions(at.settings.calendar, first, last)
    report = validate(bars, calendar, at.settings.home.resolve() / "reports" / f"{last:%Y-%m-%d}")
    accepted, refused = split(bars, report.findings)
    appended = at.bars.append(accepted, now, source, assumed=history)
    return _delivery(source, first, last, len(bars), len(refused), report, appended)


def _delivery(
    source: str, first: pd.Timestamp, last: pd.Timestamp, rows: int, refused: int, report: Any, appended: Any
) -> Delivery:
    return Delivery(
        source=source,
        first=f"{first:%Y-%m-%d}",
        last=f"{last:%Y-%m-%d}",
        rows=rows,
        added=appended.added,
        restated=appended.restated,
        refused=refused,
        blocked=report.blocked,
        findings=tuple(finding.to_dict() for finding in report.findings),
        page=str(report.page or ""),
        changed_from=appended.changed_from,
    )


@effect
def snapshot_bars(delivery: Delivery, now: datetime) -> str:
    """Commit the bar store as it stands to DVC, push it and write the version down; returns the version."""
    at = workspace()
    version = at.snapshots.commit()
    made = ledger.DataVersion(
        id=version,
        created_at=now,
        as_of=delivery.last,
        rows_added=delivery.added,
        rows_refused=delivery.refused,
        source=delivery.source,
        restated=delivery.restated,
        report=delivery.summary(),
    )
    with writing(at.engine) as conn:
        ledger.record_data_version(conn, made)
    return version


def require_accepted(delivery: Delivery) -> None:
    """Stop a flow at a delivery that was refused as a whole.

    Raises:
        DeliveryBlocked: with the first reason and the place of the report.
    """
    if delivery.blocked:
        reason = delivery.findings[0]["message"]
        raise DeliveryBlocked(f"The delivery of {delivery.last} was refused: {reason}", f"See {delivery.page}.")
