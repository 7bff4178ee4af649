"""Finding what a crash left behind."""

from __future__ import annotations

from evergreen.adapters.database import decisions, ledger, reading, rollouts, writing
from evergreen.adapters.database.ledger import ModelVersion
from evergreen.adapters.models.folder import load_model, on_record, sha256s
from evergreen.errors import EvergreenError
from evergreen.workspace import Workspace, workspace
from tasks.decorators import effect


@effect
def verify_local_models() -> list[str]:
    """Fetch again the local copy of a serving version that is missing or not what was registered.

    Raises:
        Broken: what MLflow has is not what was registered either; the local copy stays as it is.
    """
    at = workspace()
    name = at.settings.model_name
    with reading(at.engine) as conn:
        rollout = rollouts.read(conn, name)
        serving = (rollout.champion, rollout.challenger, rollout.previous_champion) if rollout else ()
        registered = [ledger.read_model_version(conn, name, version) for version in serving if version]
    damaged = [version for version in registered if not _is_intact(at, version)]
    for version in damaged:
        target, expected = at.model_folder(version.version), on_record(version.sha256, version.files)
        at.tracking.download(version.run_id, target, expected)
        load_model(target, expected)
    for version in registered:
        _complete(at, version)
    return [version.version for version in damaged]


def _is_intact(at: Workspace, registered: ModelVersion) -> bool:
    folder, expected = at.model_folder(registered.version), on_record(registered.sha256, registered.files)
    try:
        load_model(folder, expected)
        return expected.items() <= sha256s(folder).items()
    except (EvergreenError, OSError):
        return False


def _complete(at: Workspace, registered: ModelVersion) -> None:
    """A record from before all files' hashes were kept gets those of a copy whose model is the registered one."""
    if not registered.files:
        with writing(at.engine) as conn:
            ledger.record_files(conn, registered, sha256s(at.model_folder(registered.version)))


@effect
def verify_decisions() -> list[str]:
    """Recompute the decision log's chain; names each break."""
    with reading(workspace().engine) as conn:
        return [str(fault) for fault in decisions.verify(conn)]
