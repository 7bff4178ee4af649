"""What both models said of every ticker, and what came true of it."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from evergreen.adapters.database import evidence, reading, rollouts, writing
from evergreen.core.calendar import next_session
from evergreen.workspace import workspace
from tasks.decorators import effect
from tasks.models import serving_manifest, universe_forecasts


@effect
def score_universe(served: pd.DataFrame, as_of: pd.Timestamp, now: datetime) -> int:
    """Keep what champion and challenger forecast from the features served at `as_of`; returns how many."""
    at = workspace()
    with reading(at.engine) as conn:
        rollout = rollouts.read(conn, at.settings.model_name)
    if rollout is None:
        return 0
    serving = [version for version in (rollout.champion, rollout.challenger) if version]
    made = pd.concat([universe_forecasts(version, served) for version in serving])
    with writing(at.engine) as conn:
        evidence.record_forecasts(conn, made.assign(session=as_of, made_at=now))
    return len(made)


@effect
def settle_outcomes(as_of: pd.Timestamp, data_version: str, now: datetime) -> int:
    """Write down the returns whose horizon has passed by `as_of`; returns how many."""
    from evergreen.core.labels import forward_return

    at = workspace()
    manifest = serving_manifest(at)
    if manifest is None:
        return 0
    start = next_session(at.settings.calendar, as_of, -2 * manifest.horizon - 5)
    labels = forward_return(at.bars.as_of(start=start, end=as_of), manifest.horizon).dropna()
    settled = labels.rename("value").reset_index()
    settled = settled.assign(horizon=manifest.horizon, known_at=now, data_version=data_version)
    with writing(at.engine) as conn:
        evidence.record_outcomes(conn, settled)
    return len(settled)
