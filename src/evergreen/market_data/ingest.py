"""Bars in: fetched, brought to the store's scale, validated, kept or held, and versioned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pandas as pd

from evergreen.adapters.bars import AppendReport, BarSource, ReportingSource
from evergreen.adapters.database import ledger, writing
from evergreen.core.bars.corporate_actions import link_factors
from evergreen.core.bars.schema import conform, without
from evergreen.core.bars.session import iso
from evergreen.core.quality import Finding, split
from evergreen.core.quality.second_source import disagreements
from evergreen.core.quality.unknown_names import unknown_tickers
from evergreen.errors import EvergreenError, NoBars
from evergreen.market_data import quarantine
from evergreen.market_data.delivery import Delivery, Order
from evergreen.market_data.exchange_fit import wrong_exchange
from evergreen.market_data.lost_bars import require_stored
from evergreen.workspace import Workspace

BEFORE = pd.Timedelta(
    days=30
)  # what a delivery's first bars are held against: the 20 sessions that rules take as usual


def ingest(at: Workspace, order: Order, now: datetime) -> Delivery:
    """Fetch what is ordered, hold the bad rows in quarantine and keep the rest as known at `now`.

    A history begins and ends with its own bars, whatever was ordered: the sessions after them have not come yet.
    Killed anywhere and run again at the same `now`, it ends with the same bytes.
    """
    from evergreen.adapters.gx import validate

    if not order.history:
        require_stored(at)
    order = replace(order, tickers=tuple(at.listings.between(order.tickers, order.first, order.last)))
    known = at.listings.companies(at.bars.as_of(start=order.first - BEFORE, end=order.last))
    history = known[known["session"] < order.first]
    bars, remarks = _fetch(at, order, known)
    order = _ending_with(at, bars, order) if order.history else order
    folder = at.settings.reports / iso(order.last)
    calendar = at.calendar.sessions(order.first, order.last)
    universe = frozenset(order.tickers)
    report = validate(
        bars, calendar, folder, as_of=order.last, history=history, universe=universe, clean_page=order.history
    )
    remarks = [*remarks, *(wrong_exchange(bars, at.calendar) if order.history else [])]
    findings = [*report.findings, *remarks, *_ask_second_source(at, order, bars, history)]
    accepted, refused = split(bars, findings)
    blocked = report.blocked or any(remark.severity == "block" for remark in remarks)
    cases = () if blocked else quarantine.hold(at, refused, findings, known, order.source, order.last, now)
    appended = at.bars.append(accepted, pd.Timestamp(now), order.source, assumed=order.history)
    quarantine.revalidate(at, accepted, now, cases)
    first = _session_of_first(at, bars) if order.history else order.first
    return _delivery(replace(order, first=first), bars, appended, len(refused), blocked, findings, report.page, cases)


def record_snapshot(at: Workspace, as_of: str, source: str, refused: int, report: dict[str, Any], now: datetime) -> str:
    """Commit the bar store as it stands to DVC, push it and write the version down; returns the version.

    What the version brought is the store less what earlier versions told: a kill between the bars and their
    snapshot loses no count.
    """
    version = at.snapshots.commit()
    bars, restatements = at.bars.counts()
    with writing(at.engine) as conn:
        added, restated = ledger.rows_told(conn)
        recorded = ledger.DataVersion(
            id=version,
            created_at=now,
            as_of=as_of,
            rows_added=bars - added,
            rows_refused=refused,
            source=source,
            restated=restatements - restated,
            report=report,
        )
        ledger.record_data_version(conn, recorded)
    return version


def _fetch(at: Workspace, order: Order, known: pd.DataFrame) -> tuple[pd.DataFrame, list[Finding]]:
    """The bars ordered, conformed, their factors on the scale of those known, and what the source has to say of them.

    A session's delivery is fetched with the session before it, the one on which the two scales meet.
    """
    origin = at.source(order.source)
    since = order.first if order.history else at.calendar.next(order.first, -1)
    linked = link_factors(origin.fetch(list(order.tickers), since, order.last), known)
    remarks = origin.findings() if isinstance(origin, ReportingSource) else []
    bars = conform(without(linked, ~(linked["session"] >= order.first)))
    outside = at.listings.outside(bars)
    unlisted = _unlisted(at, bars[outside])
    bars = without(bars, outside)
    return bars, [*remarks, *unlisted, *_unknown(at, order, origin, bars)]


def _unlisted(at: Workspace, bars: pd.DataFrame) -> list[Finding]:
    """A finding for each name with bars of sessions on which it was not traded."""
    remarks = []
    for name, rows in bars.groupby("ticker", sort=True):
        first = rows["session"].min()
        message = f"{name}: {len(rows)} bars left out. {at.listings.absence(str(name), first)}"
        remarks.append(Finding("not_listed", "warn", str(name), first, "session", float(len(rows)), message))
    return remarks


def _ending_with(at: Workspace, bars: pd.DataFrame, order: Order) -> Order:
    """The order up to its newest bar, or to the session before where that is on none.

    Raises:
        NoBars: there is none.
    """
    if bars.empty:
        span = f"{iso(order.first)} to {iso(order.last)}"
        raise NoBars(f"{order.source} has no bar of {span}.", "Look at its dates and tickers, or name another source.")
    return replace(order, last=at.calendar.next(bars["session"].max() + pd.Timedelta(days=1), -1))


def _session_of_first(at: Workspace, bars: pd.DataFrame) -> pd.Timestamp:
    """The session of the first bar, or the one after where that is on none."""
    return at.calendar.next(bars["session"].min() - pd.Timedelta(days=1))


def _unknown(at: Workspace, order: Order, origin: BarSource, bars: pd.DataFrame) -> list[Finding]:
    absent = sorted(set(order.tickers) - set(bars["ticker"]))
    if not absent or not len(bars):
        return []
    stored = at.bars.as_of(tickers=absent)["ticker"]
    return unknown_tickers(order.tickers, {*bars["ticker"], *stored}, origin.tickers())


def _ask_second_source(at: Workspace, order: Order, bars: pd.DataFrame, history: pd.DataFrame) -> list[Finding]:
    """What the second source tells differently; a second source that does not answer is told, and stops nothing."""
    if not order.second_source:
        return []
    try:
        theirs = at.source(order.second_source).fetch(list(order.tickers), order.first - BEFORE, order.last)
    except EvergreenError as absent:
        message = f"the second source {order.second_source} did not answer: {absent.what}"
        return [Finding("second_source_absent", "warn", "", None, "close", None, message)]
    return disagreements(bars, history, theirs)


def _delivery(
    order: Order,
    bars: pd.DataFrame,
    appended: AppendReport,
    refused: int,
    blocked: bool,
    findings: Sequence[Finding],
    page: object,
    cases: tuple[str, ...],
) -> Delivery:
    return Delivery(
        source=order.source,
        first=iso(order.first),
        last=iso(order.last),
        rows=len(bars),
        added=appended.added,
        restated=appended.restated,
        refused=refused,
        blocked=blocked,
        findings=tuple(finding.to_dict() for finding in findings),
        page=str(page or ""),
        cases=cases,
    )
