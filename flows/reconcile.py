"""What a crash left half-done is finished or undone."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
from prefect import flow

from evergreen.workspace import workspace
from flows.lineage import LINEAGE
from tasks.artifacts import show, table
from tasks.forecasts import take_deliveries
from tasks.ledger import show_triggers
from tasks.models import mirror_aliases
from tasks.reconcile import verify_local_models, verify_logs
from tasks.sessions import last_closed_session
from tasks.waking import free_dead_claims, wake_waiting


@flow(log_prints=True, **LINEAGE)
def reconcile() -> dict[str, list[str]]:
    """Free requests whose worker died, wake lost ones, mend aliases, refetch models; returns what was done."""
    now, at = datetime.now(UTC), workspace()
    session = last_closed_session()
    live = session if at.settings.clock == "live" else None
    repairs = {
        "forecasts made elsewhere asked for": take_deliveries(pd.Timestamp(live), now) if live else [],
        "requests freed from a dead worker": free_dead_claims(),
        "requests woken again": wake_waiting(),
        "breaks in the logs": verify_logs(now),
        "local models fetched again": verify_local_models(),
        "aliases mended": mirror_aliases(),  # last: it fails on a version that was deleted from the registry
    }
    mended = [f"{what}: {', '.join(which)}" for what, which in repairs.items() if which]
    print("; ".join(mended) or "nothing to mend")
    show(
        "reconcile",
        "Reconcile",
        table({"what": what, "which": ", ".join(which) or "none"} for what, which in repairs.items()),
    )
    show_triggers()
    return repairs
