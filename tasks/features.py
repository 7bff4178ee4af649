"""Bars to features: computed once, written to Feast offline, materialized online."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import pandas as pd

from evergreen.adapters.database import ledger, reading, writing
from evergreen.core.bars.session import iso
from evergreen.core.features.slabs import slabs
from evergreen.workspace import Workspace, workspace
from tasks.assets import BARS, FEATURES, note_checks
from tasks.decorators import effect, making


class Built(NamedTuple):
    """The first session of which there are rows, how many were computed, values missing among them, rows written."""

    earliest: pd.Timestamp
    computed: int
    missing: int
    written: int


@making(FEATURES, BARS)
def update_features(session: pd.Timestamp) -> int:
    """Build the features of `session`, and again those that bars known since the last session can have changed."""
    return _build_slabs(min(first_change(session), session), session)


def first_change(session: pd.Timestamp) -> pd.Timestamp:
    """The earliest session of which a bar became known after the run before; `session` where none did."""
    at = workspace()
    with reading(at.engine) as conn:
        last = ledger.sessions(conn, at.settings.model_name, limit=1)
    changed = at.bars.changed_since(pd.Timestamp(last[0].finished_at)) if last else None
    return changed if changed is not None else session


@making(FEATURES, BARS)
def build_features(first: pd.Timestamp, as_of: pd.Timestamp) -> int:
    """Compute the factors of every session from `first` to `as_of` and write them to Feast's offline store.

    No more than the setting `rows_at_once` are held in memory, or a month. Returns the number of rows written; a row
    that stands already is not written again.
    """
    return _build_slabs(first, as_of)


def _build_slabs(first: pd.Timestamp, as_of: pd.Timestamp) -> int:
    at = workspace()
    built = [_build(at, *part) for part in _slabs(at, first, as_of)] or [Built(first, 0, 0, 0)]
    computed, missing, written = (sum(counts) for counts in zip(*(each[1:] for each in built), strict=True))
    share = missing / (computed * len(at.features.names)) if computed else 0.0
    earliest = min(each.earliest for each in built)
    print(f"Features of {iso(earliest)} to {iso(as_of)}: {written:,} rows written, {share:.2%} of the values missing.")
    note_checks(FEATURES, first=iso(earliest), last=iso(as_of), rows=written, missing_share=share)
    return written


def _slabs(at: Workspace, first: pd.Timestamp, as_of: pd.Timestamp) -> Iterator[tuple[pd.Timestamp, pd.Timestamp]]:
    """The runs of sessions to build at a time, from the first one stored on.

    A month is never parted, so nothing is counted for it: a session costs the same whatever history lies before it.
    """
    sessions = at.calendar.sessions(first, as_of)
    if (first.year, first.month) == (as_of.year, as_of.month):
        return slabs(sessions, len(sessions))
    stored = at.bars.sessions()
    a_session = max(1, sum(at.bars.counts()) // max(1, len(stored)))
    return slabs(sessions[sessions >= stored.min()], at.settings.rows_at_once // a_session)


def _build(at: Workspace, first: pd.Timestamp, as_of: pd.Timestamp) -> Built:
    lookback = at.features.lookback
    reach = at.calendar.next(first, -lookback)
    bars = at.listings.companies(at.bars.as_of(start=reach, end=as_of))
    features = at.features.compute(bars, at.calendar.sessions(reach, as_of), since=first)
    due = (bars["session"] >= first).to_numpy()  # the rows of `features`: both are sorted by ticker and session
    days = pd.DatetimeIndex(features.index.get_level_values("session"))
    named = at.listings.as_named(features.index)
    closes = pd.Series(at.calendar.closes(days), index=named)
    prices, known = bars.loc[due, ["close", "factor"]].set_axis(named), known_at(bars, lookback)[due].set_axis(named)
    features.index = named
    written = at.features.write(features, prices, known, closes)
    earliest = days.min() if len(days) else as_of
    return Built(earliest, len(features), int(features.isna().to_numpy().sum()), written)


def known_at(bars: pd.DataFrame, lookback: int) -> pd.Series:
    """When each bar's factors became known (UTC): as the last of the bars in their window did."""
    by_ticker = bars.set_index(["ticker", "session"])["known_at"].sort_index()
    instants = by_ticker.astype("int64").groupby(level="ticker").rolling(lookback, min_periods=1).max()
    return pd.to_datetime(instants.droplevel(0).astype("int64"), unit="us", utc=True).rename("known_at")


@effect
def materialize_features(as_of: pd.Timestamp, now: datetime) -> int:
    """Bring the online store up to `as_of`, and say so in the database, where the service looks.

    Returns the number of rows moved.
    """
    at = workspace()
    mark = at.features.materialize(at.calendar.close(as_of))
    session = iso(as_of)
    with writing(at.engine) as conn:
        for view, until in mark.until.items():
            materialization = ledger.Materialization(
                view=view, watermark=until, session=session, rows=mark.moved, finished_at=now
            )
            ledger.record_materialization(conn, materialization)
    print(f"Online features stand at {session}: {mark.moved:,} rows moved.")
    return mark.moved


@effect
def compute_session(tickers: list[str], session: pd.Timestamp) -> pd.DataFrame:
    """The features of the tickers at a session behind the newest, from its bars as known now, float32."""
    features = features_at(workspace(), session)
    return features[features.index.isin(tickers)]


def features_at(at: Workspace, session: pd.Timestamp, known_at: pd.Timestamp | None = None) -> pd.DataFrame:
    """The features of one session computed in batch from the bars known at `known_at` (by default now), by ticker."""
    reach = at.calendar.next(session, -at.features.lookback)
    bars = at.listings.companies(at.bars.as_of(known_at, start=reach, end=session))
    features = at.features.compute(bars, at.calendar.sessions(reach, session), since=session)
    named = features.set_axis(at.listings.as_named(features.index))
    return pd.DataFrame(named.xs(session, level="session"))


@effect
def read_served(tickers: list[str], session: pd.Timestamp) -> pd.DataFrame:
    """The online features of the tickers that stand at `session`, float32 [ticker x features]."""
    online = workspace().features.read_online(tickers)
    return online.features[online.as_of == session]
