"""Finding what a crash left behind."""

from __future__ import annotations

from evergreen.adapters.database import decisions, ledger, reading, rollouts
from evergreen.adapters.models.folder import MODEL
from evergreen.core.model.booster import load_verified
from evergreen.errors import EvergreenError
from evergreen.workspace import Workspace, workspace
from tasks.decorators import effect


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
        load_verified(at.model_folder(version) / MODEL, registered.sha256)
    except (EvergreenError, OSError):
        return False
    return True


@effect
def verify_decisions() -> list[str]:
    """Recompute the decision log's chain; names each break."""
    with reading(workspace().engine) as conn:
        return [str(fault) for fault in decisions.verify(conn)]
