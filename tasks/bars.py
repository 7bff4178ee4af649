"""Bars in: fetched, validated, kept or refused, and versioned."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from evergreen.adapters.database import ledger, writing
from evergreen.core.calendar import sessions
from evergreen.errors import DeliveryBlocked
from evergreen.workspace import workspace
from tasks.decorators import effect

BEFORE = pd.Timedelta(days=30)  # what a delivery's first bars are held against


@dataclass(frozen=True)
class Delivery:
    """What became of one delivery; counts are rows, `first` and `last` ISO sessions.

    `page` is the path of the validation report, empty for a session's delivery without findings.
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

    def summary(self) -> dict[str, Any]:
        """The delivery as it is kept with a data version: its findings counted by rule, unadjusted splits named."""
        rules = pd.Series([finding["rule"] for finding in self.findings], dtype=object).value_counts()
        counted = {str(rule): int(count) for rule, count in rules.items()}
        return asdict(self) | {"findings": counted, "unadjusted": self.unadjusted()}

    def unadjusted(self) -> list[str]:
        """Tickers whose price moved like a split that the factor does not tell."""
        return sorted({finding["ticker"] for finding in self.findings if finding["rule"] == "unadjusted_split"})


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
    bars = open_source(source, at.settings.calendar).fetch(tickers, first, last)
    calendar = sessions(at.settings.calendar, first, last)
    known = at.bars.as_of(start=first - BEFORE, end=first - pd.Timedelta(days=1))
    folder = at.settings.home.resolve() / "reports" / f"{last:%Y-%m-%d}"
    report = validate(bars, calendar, folder, as_of=last, history=known, clean_page=history)
    accepted, refused = split(bars, report.findings)
    appended = at.bars.append(accepted, pd.Timestamp(now), source, assumed=history)
    return Delivery(
        source=source,
        first=f"{first:%Y-%m-%d}",
        last=f"{last:%Y-%m-%d}",
        rows=len(bars),
        added=appended.added,
        restated=appended.restated,
        refused=len(refused),
        blocked=report.blocked,
        findings=tuple(finding.to_dict() for finding in report.findings),
        page=str(report.page or ""),
    )


@effect
def name_universe(source: str, tickers: list[str] | None) -> list[str]:
    """The tickers a run is about: those named, else all the source has."""
    from evergreen.adapters.bars import open_source

    return tickers or open_source(source, workspace().settings.calendar).tickers()


@effect
def snapshot_bars(delivery: Delivery, now: datetime) -> str:
    """Commit the bar store as it stands to DVC, push it and write the version down; returns the version.

    What the version brought is the store less what earlier versions told: a kill between the bars and their
    snapshot loses no count.
    """
    at = workspace()
    version = at.snapshots.commit()
    bars, restatements = at.bars.counts()
    with writing(at.engine) as conn:
        added, restated = ledger.rows_told(conn)
        made = ledger.DataVersion(
            id=version,
            created_at=now,
            as_of=delivery.last,
            rows_added=bars - added,
            rows_refused=delivery.refused,
            source=delivery.source,
            restated=restatements - restated,
            report=delivery.summary(),
        )
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
