"""The running canary, looked at once a session."""

from __future__ import annotations

from prefect import flow

from evergreen.core.bars.session import iso
from evergreen.workspace import workspace
from flows.clock import now_at, resolve_session
from tasks.canary import look_at_canary
from tasks.models import mirror_aliases
from tasks.rollout import start_queued


@flow(log_prints=True)
def canary(as_of: str | None = None, dry_run: bool = False) -> str:
    """Weigh what has settled and move, promote or roll back; returns what was done and why.

    A dry run says what it would do and changes nothing.
    """
    at = workspace()
    session = resolve_session(as_of, at)
    now = now_at(session, at)
    change = look_at_canary(session, now, dry_run)
    if not dry_run:
        change = start_queued(iso(session), now) or change
        mirror_aliases()
    return change
