"""One session after another: bars in, features out, forecasts kept, outcomes settled, drift checked."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from prefect import flow

from evergreen.core.bars.calendar import iso
from evergreen.errors import NotFound
from evergreen.workspace import workspace
from flows.clock import now_at, resolve_session
from tasks.bars import ingest_bars, name_universe, require_accepted, snapshot_bars
from tasks.drift import check_drift, is_checked
from tasks.features import materialize_features, read_served, update_features
from tasks.outcomes import score_universe, settle_outcomes
from tasks.profiles import profile_session
from tasks.reaction import react_to_drift
from tasks.sessions import close_session, last_closed_session


@flow(log_prints=True)
def daily(
    source: str | None = None,
    tickers: list[str] | None = None,
    as_of: str | None = None,
    second_source: str | None = None,
) -> list[str]:
    """Process every session since the last one, up to `as_of` (by default the last that has closed).

    Returns the sessions processed; a session processed already is passed over. Source and tickers are by default
    those of the market setting. What a second source, the
    `second_source`, tells differently goes into quarantine.
    """
    at = workspace()
    until = resolve_session(as_of, at)
    since = last_closed_session()
    if since is None:
        raise NotFound("No history has been loaded yet.", "Run the backfill deployment first.")
    due = at.calendar.sessions(at.calendar.next(pd.Timestamp(since)), until)
    source = source or at.settings.market.source
    universe = name_universe(source, tickers)
    for session in due:
        process_session(source, universe, session, now_at(session, at), second_source)
    return [iso(session) for session in due]


def process_session(
    source: str, tickers: list[str], session: pd.Timestamp, now: datetime, second_source: str | None = None
) -> str | None:
    """The steps of one session, in order; returns the retrain request it led to, if any."""
    delivery = ingest_bars(source, tickers, session, session, now, history=False, second_source=second_source)
    require_accepted(delivery)
    data_version = snapshot_bars(delivery, now)
    update_features(session)
    settle_outcomes(session, data_version, now)  # before the service hears of new features: intervals go with them
    materialize_features(session, now)
    served = read_served(tickers, session)
    score_universe(served, session, now)
    profile_session(served, session, data_version)
    found = check_drift(session, delivery) if is_checked(session) else None
    request_id = react_to_drift(found, session, data_version, now) if found else None
    close_session(delivery, session, data_version, found, now)
    return request_id
