"""One session after another: bars in, features out, forecasts kept, outcomes settled, drift checked."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

import pandas as pd
from prefect import flow

from evergreen.core.bars.session import iso
from evergreen.errors import Broken, NotFound
from evergreen.replay.breaks import Break
from evergreen.workspace import workspace
from flows.clock import now_at, resolve_session
from flows.lineage import LINEAGE
from flows.names import flow_and_session
from tasks.bars import (
    arrived_sessions,
    ingest_bars,
    ingest_late_bars,
    keep_ledger,
    mend_remote,
    name_universe,
    require_accepted,
    snapshot_bars,
)
from tasks.drift import check_drift
from tasks.features import compute_session, materialize_features, read_served, update_features
from tasks.forecasts import score_universe
from tasks.outcomes import settle_outcomes
from tasks.profiles import profile_session
from tasks.reaction import react_to_drift
from tasks.reconcile import verify_logs
from tasks.rehearsal import break_served
from tasks.sessions import close_session, is_closed, last_closed_session


@flow(flow_run_name=flow_and_session, log_prints=True, **LINEAGE)
def daily(
    source: str | None = None,
    tickers: list[str] | None = None,
    as_of: date | None = None,
    second_source: str | None = None,
) -> list[str]:
    """Process every session since the last one, up to `as_of` (by default the last that has closed).

    Returns the sessions processed; a session processed already is passed over. A session of which no bar has arrived
    stays owed: it is told, and asked for again at every run. Bars that come late enter with their true arrival.

    Args:
        source: where bars come from, such as `sample` or `files:FOLDER`; by default that of the market setting.
        tickers: by default those of the market setting, else all that the source has.
        as_of: the last session processed; by default the last that has closed.
        second_source: what it tells differently goes into quarantine.
    """
    at = workspace()
    until = resolve_session(as_of, at)
    since = last_closed_session()
    if since is None:
        raise NotFound("No history has been loaded yet.", "Run the backfill deployment first.")
    clock = pd.Timestamp(since)
    due = at.calendar.sessions(at.calendar.next(clock), until)
    source = source or at.settings.market.source
    universe = name_universe(source, tickers)
    take_late_bars(source, universe, clock, now_at(until, at), last=not len(due))
    arrived: list[pd.Timestamp] = []
    try:
        for day in arrived_sessions(source, universe, list(due)):
            if process_session(source, universe, day, now_at(day, at), second_source).arrived:
                arrived.append(day)
    finally:  # what a refused delivery lacks is owed as well
        keep_ledger(source, universe, max([clock, *arrived]), max(clock, until), now_at(until, at))
    if len(due):
        mend_remote()
    if breaks := verify_logs(now_at(until, at)):
        raise Broken(breaks[0], "Restore the database from a backup made since.")
    return [iso(day) for day in arrived]


def take_late_bars(source: str, tickers: list[str], clock: pd.Timestamp, now: datetime, last: bool) -> None:
    """What has come by now of sessions up to `clock`, with its true arrival.

    A session of which nothing had come goes on record with its forecasts missed. With `last` no session follows in this
    run: features and, while there is time for them, forecasts of the late names are made at once.
    """
    late = [delivery for delivery in ingest_late_bars(source, tickers, clock, now) if delivery.rows]
    versions = [snapshot_bars(delivery, now) for delivery in late]
    for delivery, version in zip(late, versions, strict=True):
        if not is_closed(delivery.last):
            session = pd.Timestamp(delivery.last)
            profile_session(compute_session(tickers, session), session, version)  # for the drift checks that follow
            close_session(delivery, version, None, now, missed=True)
    if late and last:
        update_features(clock)
        materialize_features(clock, now)
        score_universe(read_served(tickers, clock), clock, now)


class SessionWalk(NamedTuple):
    """What became of a session: whether its bars had arrived, and the retrain request it led to."""

    arrived: bool
    request_id: str | None = None


def process_session(
    source: str,
    tickers: list[str],
    session: pd.Timestamp,
    now: datetime,
    second_source: str | None = None,
    broken: Break | None = None,
) -> SessionWalk:
    """The steps of one session, in order; one of which no bar has arrived stays owed, and nothing is done.

    `broken` is what goes wrong with the features that a challenger is served, in a rehearsal.
    """
    delivery = ingest_bars(source, tickers, session, session, now, history=False, second_source=second_source)
    if not delivery.rows:
        return SessionWalk(arrived=False)
    require_accepted(delivery)
    data_version = snapshot_bars(delivery, now)
    settle_outcomes(session, data_version, now)  # before the service hears of new features: intervals go with them
    update_features(session)
    materialize_features(session, now)
    served = read_served(tickers, session)
    in_time = score_universe(served, session, now, break_served(served, session, broken) if broken else None)
    profile_session(served, session, data_version)
    finding = check_drift(session, delivery)
    request_id = react_to_drift(finding, data_version, now) if finding else None
    close_session(delivery, data_version, finding, now, missed=not in_time)
    return SessionWalk(True, request_id)
