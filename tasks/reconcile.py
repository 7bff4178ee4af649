"""Finding what a crash left behind."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

from evergreen.adapters.database import decisions, ledger, reading, requests, rollouts
from evergreen.core.booster import load_verified
from evergreen.errors import EvergreenError
from evergreen.workspace import Workspace, workspace
from tasks.decorators import effect
from tasks.requests import wake


@effect
def free_dead_claims() -> list[str]:
    """Take the lease from every request whose flow run is over without having closed it."""
    at = workspace()
    with reading(at.engine) as conn:
        held = [asked for asked in requests.recent(conn, at.settings.model_name) if asked.state == "running"]
    dead = [asked for asked in held if _is_over(asked.claimed_by)]
    for asked in dead:
        requests.release(at.engine, asked)
    return [asked.id for asked in dead]


def _is_over(flow_run: str | None) -> bool:
    try:
        run_id = UUID(str(flow_run))
    except ValueError:
        return False
    with get_client(sync_client=True) as client:
        try:
            state = client.read_flow_run(run_id).state
        except ObjectNotFound:
            return True
    return state is not None and state.is_final()


@effect
def wake_pending() -> list[str]:
    """Tell the automation again of every request that can be claimed: its event may have been lost."""
    at = workspace()
    with reading(at.engine) as conn:
        waiting = requests.pending(conn, at.settings.model_name, datetime.now(UTC))
    for asked in waiting:
        wake(asked)
    return [asked.id for asked in waiting]


@effect
def verify_local_models() -> list[str]:
    """Fetch again the local copy of a serving version that is missing or not what was registered."""
    at = workspace()
    with reading(at.engine) as conn:
        rollout = rollouts.read(conn, at.settings.model_name)
    serving = [rollout.champion, rollout.challenger, rollout.previous_champion] if rollout else []
    damaged = [version for version in serving if version and not _is_intact(at, version)]
    for version in damaged:
        at.tracking.download(at.settings.model_name, version, at.model_folder(version))
    return damaged


def _is_intact(at: Workspace, version: str) -> bool:
    with reading(at.engine) as conn:
        registered = ledger.read_model_version(conn, at.settings.model_name, version)
    try:
        load_verified(at.model_folder(version) / "model.txt", registered.sha256)
    except (EvergreenError, OSError):
        return False
    return True


@effect
def verify_decisions() -> list[str]:
    """Recompute the decision log's chain; names each break."""
    with reading(workspace().engine) as conn:
        return [str(found) for found in decisions.verify(conn)]
