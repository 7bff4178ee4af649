"""How a retrain request stands, in words: said alike by the command line and the pages."""

from __future__ import annotations

import shlex
from datetime import datetime

from sqlalchemy import Connection

from evergreen.adapters.database import requests
from evergreen.adapters.database.leases import CLAIMS
from evergreen.adapters.database.requests import BOOTSTRAP, RetrainRequest


def training(conn: Connection, model: str, now: datetime) -> str:
    """How a model's last request stands while it is open, or why it failed; empty where there is nothing to say."""
    newest = requests.recent(conn, model, limit=1)
    if not newest or newest[0].state == "done":
        return ""
    return f"request {newest[0].id} {standing(newest[0], now)}"


def standing(request: RetrainRequest, now: datetime) -> str:
    """How a request stands at the wall clock's `now`, and what to type where it needs a person."""
    if request.silent(now):
        return f"its worker has been silent since {request.lease_until:%Y-%m-%d %H:%M} UTC: type `evergreen reconcile`"
    if request.state == "running":
        return f"is worked on by flow run {request.claimed_by}, claim {request.fence} of {CLAIMS}"
    if request.state == "pending":
        again = f" again, after {request.fence} claims" if request.fence else ""
        return f"waits for a worker{again}"
    if request.state == "failed":
        return f"failed: {request.verdict} Ask again with `{same_command(request)}`"
    return f"done: {request.verdict}"


def same_command(request: RetrainRequest) -> str:
    """What a person types to ask for the same again."""
    if request.cause == BOOTSTRAP:
        return "evergreen backfill"
    if run_id := request.evidence.get("run_id"):
        return f"evergreen challenge {run_id}"
    return f"evergreen retrain --reason {shlex.quote(str(request.evidence.get('reason', request.cause)))}"
