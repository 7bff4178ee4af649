"""A person ends a canary, or brings the previous champion back."""

from __future__ import annotations

from datetime import date
from typing import Literal

from prefect import flow

from evergreen.core.bars.session import iso
from evergreen.workspace import workspace
from flows.clock import now_at, resolve_session
from flows.lineage import LINEAGE
from flows.names import flow_and_action
from tasks.models import mirror_aliases
from tasks.rollout import end_rollout


@flow(flow_run_name=flow_and_action, log_prints=True, **LINEAGE)
def rollback(reason: str, action: Literal["cancel", "restore", "promote"] = "cancel", as_of: date | None = None) -> str:
    """Cancel the running canary, restore the previous champion, or promote the challenger; returns who serves.

    Args:
        reason: why; it goes into the decision log.
        action: cancel the canary, restore the previous champion, or promote the challenger without waiting.
        as_of: the session it stands at; by default the last that has closed.
    """
    at = workspace()
    session = resolve_session(as_of, at)
    rollout = end_rollout(action, reason, iso(session), now_at(session, at))
    mirror_aliases()
    return rollout.champion
