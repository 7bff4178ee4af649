"""What champion and challenger say of every ticker, from their files as registered."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from evergreen.adapters.database import evidence, ledger, reading, rollouts, writing
from evergreen.adapters.models import folder
from evergreen.workspace import workspace
from tasks.decorators import effect


@effect
def score_universe(
    served: pd.DataFrame, session: pd.Timestamp, now: datetime, to_challenger: pd.DataFrame | None = None
) -> bool:
    """Keep what champion and challenger forecast from the features served at `session`; whether it was in time.

    None is made up after the fact: once the next session has closed the forecast is missed.

    Args:
        served: indexed by ticker; the features of all models among the columns.
        session: whose features they are.
        now: when the forecasts are made.
        to_challenger: what the challenger is served in their place, where a rehearsal breaks it on purpose.
    """
    at = workspace()
    if at.calendar.close(at.calendar.next(session)) <= now:
        return False
    with reading(at.engine) as conn:
        rollout = rollouts.read(conn, at.settings.model_name)
    if rollout:
        arms = {rollout.champion: served}
        if rollout.challenger:
            arms[rollout.challenger] = served if to_challenger is None else to_challenger
        forecasts = pd.concat([forecast_universe(version, features) for version, features in arms.items()])
        with writing(at.engine) as conn:
            evidence.record_forecasts(conn, forecasts.assign(session=session, made_at=now))
    return True


def forecast_universe(version: str, features: pd.DataFrame) -> pd.DataFrame:
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
    from evergreen.core.model.protocol import forecast

    at = workspace()
    with reading(at.engine) as conn:
        registered = ledger.read_model_version(conn, at.settings.model_name, version)
    expected = folder.on_record(registered.sha256, registered.files)
    manifest, model = folder.load_model(at.model_folder(version), expected)
    matrix = features[list(manifest.feature_names)].to_numpy()
    return pd.DataFrame(
        {
            "ticker": features.index,
            "version": version,
            "value": forecast(model, matrix),
            "feature_hash": row_hashes(matrix),
        }
    )
