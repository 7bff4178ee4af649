"""The running canary, looked at once a session."""

from __future__ import annotations

from prefect import flow

from evergreen.workspace import workspace
from flows.clock import now_at, stand
from tasks.canary import look_at_canary
from tasks.models import mirror_aliases


@flow(log_prints=True)
def canary(as_of: str | None = None) -> str:
    """Weigh what has settled and move, promote or roll back; returns what was done and why."""
    settings = workspace().settings
    session = stand(as_of, settings)
    done = look_at_canary(session, now_at(session, settings))
    mirror_aliases()
    return done
