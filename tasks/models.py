"""Registered versions as tasks use them: from the verified local copy, never from the registry directly."""

from __future__ import annotations

from evergreen.adapters.database import ledger, reading, rollouts
from evergreen.errors import NotFound
from evergreen.workspace import Workspace, workspace
from tasks.decorators import effect


@effect
def mirror_aliases() -> list[str]:
    """Make MLflow's aliases say what the rollout row says; returns what had to be changed.

    A version is known by its run: an alias is never set on another's, whatever number it has in MLflow.

    Raises:
        NotFound: MLflow has no version of a run that serves; its alias points nowhere then.
    """
    at = workspace()
    name = at.settings.model_name
    with reading(at.engine) as conn:
        rollout = rollouts.read(conn, name)
        serving = {"champion": rollout.champion, "challenger": rollout.challenger} if rollout else {}
        runs = {
            alias: version and ledger.read_model_version(conn, name, version).run_id
            for alias, version in serving.items()
        }
    aliases = at.registry.aliases(name)
    changed = [alias for alias, run_id in runs.items() if aliases.get(alias) != run_id]
    missing = []
    for alias in changed:
        try:
            _point(at, alias, runs[alias])
        except NotFound as error:
            missing.append(error)
    if missing:
        raise missing[0]
    if changed:
        print(f"Aliases moved in MLflow: {', '.join(changed)}.")
    return changed


def _point(at: Workspace, alias: str, run_id: str | None) -> None:
    """At the version of a run, or nowhere."""
    at.registry.delete_alias(at.settings.model_name, alias)
    if run_id is not None:
        at.registry.set_alias(at.settings.model_name, alias, run_id)
