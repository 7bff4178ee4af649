"""History in: everything a source has, taken as known when each session closed."""

from __future__ import annotations

from datetime import date

import pandas as pd
from prefect import flow

from evergreen.adapters.database.requests import BOOTSTRAP
from evergreen.workspace import workspace
from flows.clock import now_at, resolve_session
from flows.lineage import LINEAGE
from flows.names import flow_and_session
from tasks.bars import ingest_bars, name_universe, reached, require_accepted, snapshot_bars
from tasks.features import build_features, materialize_features
from tasks.requests import request_retrain
from tasks.rollout import read_rollout
from tasks.sessions import close_session, last_closed_session


@flow(flow_run_name=flow_and_session, log_prints=True, **LINEAGE)
def backfill(
    source: str | None = None,
    tickers: list[str] | None = None,
    start: date = date(2000, 1, 1),
    as_of: date | None = None,
    second_source: str | None = None,
) -> str:
    """Load sessions `start` to `as_of`, build their features and, where no model serves yet, ask for one.

    Where the source's bars end earlier, so does what is loaded: forecasts are made as of its newest bar. Returns the
    data version. Running it again changes nothing that stands, and goes no further than the session processed last:
    what follows is `daily`'s.

    Args:
        source: where bars come from, such as `sample` or `files:FOLDER`; by default that of the market setting.
        tickers: by default those of the market setting, else all that the source has.
        start: the first session loaded.
        as_of: the last one; by default the last that has closed.
        second_source: what it tells differently goes into quarantine.
    """
    at = workspace()
    clock = last_closed_session()
    until = resolve_session(as_of, at) if clock is None else min(resolve_session(as_of, at), pd.Timestamp(clock))
    now = now_at(until, at)
    source = source or at.settings.market.source
    universe = name_universe(source, tickers)
    delivery = ingest_bars(source, universe, pd.Timestamp(start), until, now, history=True, second_source=second_source)
    require_accepted(delivery)
    data_version = snapshot_bars(delivery, now)
    if clock is None:
        until = reached(delivery, until)
    build_features(pd.Timestamp(start), until)
    materialize_features(until, now)
    if clock is None:
        close_session(delivery, data_version, None, now)
    if read_rollout() is None:
        request_retrain(BOOTSTRAP, "No model serves yet: the first one is wanted.", until, data_version, {}, now)
    return data_version
