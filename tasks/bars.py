"""Bars in: fetched, validated, kept or held in quarantine, and versioned."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from evergreen.adapters.database.owed import OwedBar, by_session, summary
from evergreen.core.bars.session import iso
from evergreen.errors import DeliveryBlocked
from evergreen.market_data.delivery import Delivery, Order
from evergreen.workspace import workspace
from tasks.artifacts import show, table
from tasks.assets import BARS, note_checks
from tasks.decorators import effect, making
from tasks.notices import notify


@effect
def ingest_bars(
    source: str,
    tickers: list[str],
    first: pd.Timestamp,
    last: pd.Timestamp,
    now: datetime,
    history: bool,
    second_source: str | None = None,
) -> Delivery:
    """Fetch sessions `first` to `last`, hold the bad rows in quarantine and keep the rest as known at `now`.

    With `history` each row is taken as known at its own session's close instead, and marked so.
    """
    from evergreen.market_data.ingest import ingest

    delivery = ingest(workspace(), Order(source, tuple(tickers), first, last, history, second_source or ""), now)
    print(delivery.sentence)
    return delivery


@effect
def ingest_late_bars(source: str, tickers: list[str], clock: pd.Timestamp, now: datetime) -> list[Delivery]:
    """Ask again for bars owed of sessions up to `clock`; what came by now enters as known at `now`."""
    from evergreen.market_data.ingest import ingest
    from evergreen.market_data.owed import late_orders

    at = workspace()
    late = [ingest(at, order, now) for order in late_orders(at, source, tickers, clock)]
    for delivery in late:
        print(f"Late bars of {delivery.sentence}")
    return late


@effect
def keep_ledger(
    source: str, tickers: list[str], clock: pd.Timestamp, until: pd.Timestamp, now: datetime
) -> list[OwedBar]:
    """Bring the ledger of owed bars up to `until`, show what is owed, and send a notice once it is several sessions."""
    from evergreen.market_data import owed

    at = workspace()
    bars = owed.keep_ledger(at, source, tickers, clock, until, now)
    if bars:
        awaited = f"{summary(bars)}. They are asked for again at every run."
        print(awaited)
        show("owed", "Bars owed", awaited, table(by_session(bars)))
    latest = at.calendar.next(until, 1 - at.settings.market.notice_after)
    overdue = [bar for bar in bars if not bar.noticed and bar.session <= iso(latest)]
    sentence = f"{summary(overdue)}. They are asked of {source} again at every run."
    if overdue and notify("Bars are owed", sentence):
        owed.mark_noticed(at, overdue)
    return bars


@effect
def name_universe(source: str, tickers: list[str] | None) -> list[str]:
    """The tickers a run is about: those named, else those the market wants or lists of this source, else all it has."""
    at = workspace()
    if named := tickers or list(at.settings.market.tickers_of(source)):
        return named
    listed = at.listings.tickers if source == at.settings.market.source else []
    return listed or at.source(source).tickers()


@making(BARS)
def snapshot_bars(delivery: Delivery, now: datetime) -> str:
    """Commit the bar store as it stands to DVC, push it and write the version down; returns the version."""
    from evergreen.market_data.ingest import record_snapshot

    summary = delivery.summary()
    version = record_snapshot(workspace(), delivery.last, delivery.source, delivery.refused, summary, now)
    counted = {name: summary[name] for name in ("first", "last", "rows", "added", "restated", "refused", "findings")}
    note_checks(BARS, version=version, **counted)
    return version


@effect
def mend_remote() -> str:
    """Have the remote hold every data version on record; says what it had lost, empty when nothing."""
    from evergreen.adapters.database import ledger, reading
    from evergreen.adapters.database.triggers import EVERYTHING

    at = workspace()
    with reading(at.engine) as conn:
        recorded = [version.id for version in ledger.data_versions(conn, EVERYTHING)]
    mended = at.snapshots.mend_remote(recorded)
    if mended.sentence:
        print(mended.sentence)
        show("data-remote", "The remote of data versions", mended.sentence)
    return mended.sentence


def reached(delivery: Delivery, until: pd.Timestamp) -> pd.Timestamp:
    """The session of the newest bar of a history ordered to `until`; says so where it ends earlier."""
    newest = pd.Timestamp(delivery.last)
    if behind := workspace().calendar.between(newest, until):
        print(
            f"The newest bar of {delivery.source} is of {delivery.last}, {behind} sessions before {iso(until)}: "
            "forecasts stand at that session, and answers say `stale`."
        )
    return newest


@effect
def arrived_sessions(source: str, tickers: list[str], due: list[pd.Timestamp]) -> list[pd.Timestamp]:
    """Those of the sessions `due` of which `source` has a bar by now: asked for at once where there are several."""
    if len(due) < 2:
        return due
    bars = workspace().source(source).fetch(tickers, due[0], due[-1])
    there = set(bars["session"])
    return [session for session in due if session in there]


def require_accepted(delivery: Delivery) -> None:
    """Stop a flow at a delivery that was refused as a whole.

    Raises:
        DeliveryBlocked: with the first reason and the place of the report.
    """
    if delivery.blocked:
        blocking = [finding for finding in delivery.findings if finding["severity"] == "block"]
        reason = (blocking or list(delivery.findings))[0]["message"]
        raise DeliveryBlocked(f"The delivery of {delivery.last} was refused: {reason}", f"See {delivery.page}.")
