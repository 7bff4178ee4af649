"""Bars in: fetched, validated, kept or held in quarantine, and versioned."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from evergreen.errors import DeliveryBlocked
from evergreen.market_data.delivery import Delivery, Order
from evergreen.workspace import workspace
from tasks.decorators import effect


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


def require_accepted(delivery: Delivery) -> None:
    """Stop a flow at a delivery that was refused as a whole.

    Raises:
        DeliveryBlocked: with the first reason and the place of the report.
    """
    if delivery.blocked:
        reason = delivery.findings[0]["message"]
        raise DeliveryBlocked(f"The delivery of {delivery.last} was refused: {reason}", f"See {delivery.page}.")
