"""Registered versions as tasks use them: from the verified local copy, never from the registry directly."""

from __future__ import annotations

import pandas as pd

from evergreen.adapters.database import ledger, reading, rollouts
from evergreen.adapters.models import folder
from evergreen.core.model.manifest import Manifest
from evergreen.workspace import Workspace, workspace
from tasks.decorators import effect


def read_manifest(at: Workspace, version: str) -> Manifest:
    """The manifest of a version that has a local copy."""
    return folder.read_manifest(at.model_folder(version))


def serving_manifest(at: Workspace) -> Manifest | None:
    """The champion's manifest, None before there is a champion."""
    with reading(at.engine) as conn:
        rollout = rollouts.read(conn, at.settings.model_name)
    return read_manifest(at, rollout.champion) if rollout else None


def universe_forecasts(version: str, features: pd.DataFrame) -> pd.DataFrame:
    """Forecasts of one version (log returns), from its file as registered.

    Args:
        version: a version with a local copy.
        features: indexed by ticker; the version's features among the columns.

    Returns:
        Columns ticker, version, value, feature_hash.

    Raises:
        ModelRefused: the file is not the one that was registered.
    """
    from evergreen.core.features.row_hashes import row_hashes
    from evergreen.core.model.booster import load_verified, predict

    at = workspace()
    with reading(at.engine) as conn:
        registered = ledger.read_model_version(conn, at.settings.model_name, version)
    booster = load_verified(at.model_folder(version) / folder.MODEL, registered.sha256)
    matrix = features[list(read_manifest(at, version).feature_names)].to_numpy()
    return pd.DataFrame(
        {
            "ticker": features.index,
            "version": version,
            "value": predict(booster, matrix),
            "feature_hash": row_hashes(matrix),
        }
    )


@effect
def mirror_aliases() -> list[str]:
    """Make MLflow's aliases say what the rollout row says; returns what had to be changed."""
    at = workspace()
    name = at.settings.model_name
    with reading(at.engine) as conn:
        rollout = rollouts.read(conn, name)
    if rollout is None:
        return []
    serving = {"champion": rollout.champion, "challenger": rollout.challenger}
    aliases = at.tracking.aliases(name)
    changed = [alias for alias, version in serving.items() if aliases.get(alias) != version]
    for alias in changed:
        version = serving[alias]
        if version is None:
            at.tracking.delete_alias(name, alias)
        else:
            at.tracking.set_alias(name, alias, version)
    return changed
