"""Bars in: fetched, validated, kept or held in quarantine, and versioned."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from evergreen.errors import DeliveryBlocked
from evergreen.market_data.delivery import Delivery, Order
from evergreen.workspace import workspace
from tasks.artifacts import show
from tasks.decorators import effect
from tasks.notices import notify

NOTICE_AFTER = 2  # sessions: a vendor is an evening late now and then, two are an outage


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

    return ingest(workspace(), Order(source, tuple(tickers), first, last, history, second_source or ""), now)


@effect
def ingest_late_bars(source: str, tickers: list[str], until: pd.Timestamp, now: datetime) -> list[Delivery]:
    """Ask again for bars that sessions up to `until` lack; what came by now enters as known at `now`."""
    from evergreen.market_data.ingest import ingest
    from evergreen.market_data.owed import late_orders

    at = workspace()
    return [ingest(at, order, now) for order in late_orders(at, source, tickers, until)]


@effect
def tell_owed(owed: list[str], source: str) -> None:
    """Show the sessions of which no bar has come, and send a notice once there are several."""
    sentence = f"No bars of {', '.join(owed)} came from {source}: they are asked for again at the next run."
    show("owed", "Sessions owed", sentence)
    if len(owed) >= NOTICE_AFTER:
        notify("Bars are owed", sentence)


@effect
def name_universe(source: str, tickers: list[str] | None) -> list[str]:
    """The tickers a run is about: those named, else those the market wants of this source, else all it has."""
    from evergreen.adapters.bars import open_source

    at = workspace()
    return tickers or list(at.settings.market.tickers_of(source)) or open_source(source, at.calendar.exchange).tickers()


@effect
def snapshot_bars(delivery: Delivery, now: datetime) -> str:
    """Commit the bar store as it stands to DVC, push it and write the version down; returns the version."""
    from evergreen.market_data.ingest import record_snapshot

    return record_snapshot(workspace(), delivery.last, delivery.source, delivery.refused, delivery.summary(), now)


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


def require_accepted(delivery: Delivery) -> None:
    """Stop a flow at a delivery that was refused as a whole.

    Raises:
        DeliveryBlocked: with the first reason and the place of the report.
    """
    if delivery.blocked:
        reason = delivery.findings[0]["message"]
        raise DeliveryBlocked(f"The delivery of {delivery.last} was refused: {reason}", f"See {delivery.page}.")
