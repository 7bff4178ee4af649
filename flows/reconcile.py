"""What a crash left half-done is finished or undone."""

from __future__ import annotations

from datetime import UTC, datetime

from prefect import flow

from tasks.artifacts import show, table
from tasks.ledger import show_triggers
from tasks.models import mirror_aliases
from tasks.reconcile import verify_local_models, verify_logs
from tasks.waking import free_dead_claims, wake_waiting


@flow(log_prints=True)
def reconcile() -> dict[str, list[str]]:
    """Free requests whose worker died, wake lost ones, mend aliases, refetch models; returns what was done."""
    repairs = {
        "requests freed from a dead worker": free_dead_claims(),
        "requests woken again": wake_waiting(),
        "breaks in the logs": verify_logs(datetime.now(UTC)),
        "local models fetched again": verify_local_models(),
        "aliases mended": mirror_aliases(),  # last: it fails on a version that was deleted from the registry
    }
    show(
        "reconcile",
        "Reconcile",
        table({"what": what, "which": ", ".join(which) or "none"} for what, which in repairs.items()),
    )
    show_triggers()
    return repairs
