"""The running canary, looked at once a session."""

from __future__ import annotations

from datetime import date

from prefect import flow

from evergreen.core.bars.session import iso
from evergreen.workspace import workspace
from flows.clock import now_at, resolve_session
from flows.lineage import LINEAGE
from flows.names import flow_and_session
from tasks.canary import look_at_canary
from tasks.models import mirror_aliases
from tasks.rollout import start_queued


@flow(flow_run_name=flow_and_session, log_prints=True, **LINEAGE)
def canary(as_of: date | None = None, dry_run: bool = False) -> str:
    """Weigh what has settled and move, promote or roll back; returns what was done and why.

    Args:
        as_of: the session it stands at; by default the last that has closed.
        dry_run: say what would be done, and change nothing.
    """
    at = workspace()
    session = resolve_session(as_of, at)
    now = now_at(session, at)
    change = look_at_canary(session, now, dry_run)
    if not dry_run:
        change = start_queued(iso(session), now) or change
        mirror_aliases()
    return change
