"""Registered versions and their records, verified: what challengers are judged beside."""

from __future__ import annotations

import pandas as pd

from evergreen.adapters.database import evidence, ledger, reading, rollouts
from evergreen.adapters.models import folder
from evergreen.core.model.manifest import Manifest
from evergreen.workspace import Workspace


def read_manifest(at: Workspace, version: str) -> Manifest:
    """The manifest of a version that has a local copy.

    Raises:
        ModelRefused: it is not the registered one.
    """
    with reading(at.engine) as conn:
        registered = ledger.read_model_version(conn, at.settings.model_name, version)
    return folder.read_manifest(at.model_folder(version), registered.files.get(folder.MANIFEST))


def serving_manifest(at: Workspace) -> Manifest | None:
    """The champion's manifest, None before there is a champion."""
    with reading(at.engine) as conn:
        rollout = rollouts.read(conn, at.settings.model_name)
    return read_manifest(at, rollout.champion) if rollout else None


def read_record(at: Workspace, version: str) -> pd.DataFrame:
    """The walk-forward record of a version that has a local copy: what the gate and a canary judge it by.

    Raises:
        ModelRefused: it is not the registered one.
    """
    with reading(at.engine) as conn:
        registered = ledger.read_model_version(conn, at.settings.model_name, version)
    return folder.read_oos(at.model_folder(version), registered.files.get(folder.OOS))


def champion_record(at: Workspace, version: str) -> pd.DataFrame | None:
    """All a champion forecast out of sample: its walk-forward record, then what it said while it served.

    Returns ticker, session, forecast; None for the random walk.
    """
    if read_manifest(at, version).kind == "random_walk":
        return None
    with reading(at.engine) as conn:
        served = evidence.forecasts(conn, version).rename(columns={"value": "forecast"})
    record = pd.concat([read_record(at, version), served])[["ticker", "session", "forecast"]]
    return record.drop_duplicates(["ticker", "session"], keep="first", ignore_index=True)
