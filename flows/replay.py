"""Past sessions walked on a virtual clock, with the tasks that run live and clients that ask for prices."""

from __future__ import annotations

from datetime import date
from typing import Annotated, cast
from uuid import UUID

import pandas as pd
from prefect import flow
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from pydantic import Field

from evergreen.adapters.database.requests import BY_HAND
from evergreen.core.bars.session import iso
from evergreen.errors import BadSetting
from evergreen.replay.breaks import Break
from evergreen.workspace import workspace
from flows.backfill import backfill
from flows.clock import now_at
from flows.daily import process_session
from flows.lineage import LINEAGE
from flows.names import flow_and_span
from flows.reconcile import reconcile
from tasks.bars import name_universe
from tasks.canary import look_at_canary
from tasks.clients import ask_clients
from tasks.models import mirror_aliases
from tasks.rehearsal import copy_champion, parse_rehearsed
from tasks.requests import request_retrain
from tasks.rollout import read_rollout, start_queued
from tasks.sessions import last_closed_session, latest_data_version
from tasks.waking import await_open_requests


@flow(flow_run_name=flow_and_span, log_prints=True, **LINEAGE)
def replay(
    source: str | None = None,
    tickers: list[str] | None = None,
    start: date = date(2008, 9, 2),
    end: date = date(2009, 2, 6),
    history: date = date(2000, 3, 1),
    clients: Annotated[int, Field(ge=0)] = 20,
    broken: str | None = None,
) -> str:
    """Load the history before `start`, wait for its first champion, then walk to `end` session by session.

    A retraining that the walk asks for is started by the server's automation; the virtual clock waits for it.
    An interrupted replay goes on where it was. Returns `end`.

    Args:
        source: where bars come from, such as `sample` or `files:FOLDER`; by default that of the market setting.
        tickers: by default those of the market setting, else all that the source has.
        start: the first session walked.
        end: the last one.
        history: the first session loaded before the walk.
        clients: how many ask the service for every ticker in each session.
        broken: what goes wrong on purpose with what a challenger is served, such as `shuffled@2009-02-09`: from that
            session on. Where none is in canary before the walk, a copy of the champion challenges.

    Raises:
        BadSetting: the workspace runs on the wall's clock, or what is to break cannot.
    """
    at = workspace()
    if at.settings.clock != "replay":
        raise BadSetting("A replay needs a virtual clock.", "Set EVERGREEN_CLOCK=replay, in a home of its own.")
    going_wrong = parse_rehearsed(broken) if broken else None
    source = source or at.settings.market.source
    tickers = name_universe(source, tickers)
    reconcile()
    first = at.calendar.next(pd.Timestamp(start) - pd.Timedelta(days=1))
    walked_to = last_closed_session()
    if walked_to is None:
        before = at.calendar.next(first, -1)
        backfill(source, tickers, history, before)
    await_open_requests()
    if walked_to and pd.Timestamp(walked_to) >= first:
        end_session(tickers, pd.Timestamp(walked_to), clients)
        await_open_requests()
    after = max(pd.Timestamp(walked_to) + pd.Timedelta(days=1), first) if walked_to else first
    walk = at.calendar.sessions(after, pd.Timestamp(end))
    if going_wrong and len(walk):
        _challenge_by_copy(at.calendar.next(walk[0], -1))
    _walk(source, tickers, walk, clients, going_wrong)
    return iso(end)


def _challenge_by_copy(as_of: pd.Timestamp) -> None:
    rollout = read_rollout()
    if rollout and not rollout.challenger:
        evidence = {"run_id": copy_champion(as_of), "reason": "a rehearsal"}
        cause, why = f"{BY_HAND}: a rehearsal", "A copy of the champion challenges it, to rehearse a failure."
        request_retrain(cause, why, as_of, latest_data_version().id, evidence, now_at(as_of, workspace()))
        await_open_requests()


def _walk(source: str, tickers: list[str], walk: pd.DatetimeIndex, clients: int, going_wrong: Break | None) -> None:
    at = workspace()
    progress = cast("UUID", create_progress_artifact(0.0, key="replay", description=f"{len(walk)} sessions"))
    for number, session in enumerate(walk, start=1):
        broken = going_wrong if going_wrong and going_wrong.session <= session else None
        walk_of = process_session(source, tickers, session, now_at(session, at), broken=broken)
        if walk_of.arrived:
            end_session(tickers, session, clients)
        if walk_of.request_id:
            await_open_requests()
        update_progress_artifact(progress, progress=100 * number / len(walk))


def end_session(tickers: list[str], session: pd.Timestamp, clients: int) -> None:
    """After the close: the running canary's look, then the clients' questions."""
    rollout = read_rollout()
    if rollout and rollout.challenger:
        now = now_at(session, workspace())
        look_at_canary(session, now)
        start_queued(iso(session), now)
        mirror_aliases()
    ask_clients(tickers, session, clients)
