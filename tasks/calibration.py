"""What drift looks like when nothing drifts: computed when a model is trained, kept beside it."""

from __future__ import annotations

import pandas as pd

from evergreen.adapters.database import ledger, reading
from evergreen.research.registered import read_manifest
from evergreen.workspace import Workspace, workspace
from tasks.decorators import effect
from tasks.training import TrainingSet


@effect
def calibrate_drift(version: str, training_set: TrainingSet) -> str:
    """Replay the drift statistic over the training history and keep it beside the model; says how it went.

    With it go the last sessions' counts and one profile of the last reference window.
    """
    outcome = _calibrate(version, training_set)
    print(f"Drift of version {version}: {outcome}")
    return outcome


def _calibrate(version: str, training_set: TrainingSet) -> str:
    from evergreen.adapters.monitoring.calibrations import CALIBRATION, COUNTS, REFERENCE
    from evergreen.core.drift import TooLittleHistory, calibrate, make_grid, session_counts

    at = workspace()
    manifest = read_manifest(at, version)
    history = pd.read_parquet(training_set.path).set_index(["ticker", "session"])
    names = history.columns.drop("label") if manifest.is_delivered else list(manifest.feature_names)
    history = history[names]  # what a model elsewhere looks at is not known: the whole market's factors are watched
    counts = session_counts(history, make_grid(history))
    calibration = calibrate(counts, memory=at.features.lookback)
    if isinstance(calibration, TooLittleHistory):
        return calibration.sentence
    tail = counts.upto(counts.sessions[-1], calibration.windows.pair)
    reference = history[history.index.get_level_values("session") >= counts.sessions[-calibration.windows.reference]]
    files = {CALIBRATION: calibration.to_bytes(), COUNTS: tail.to_bytes(), REFERENCE: _profile(reference, training_set)}
    _keep(at, version, files)
    return f"{len(calibration.null)} windows ({calibration.method}) over {len(counts.sessions)} sessions"


def _profile(reference: pd.DataFrame, training_set: TrainingSet) -> bytes:
    from evergreen.adapters import monitoring

    first = pd.Timestamp(reference.index.get_level_values("session").min())
    return monitoring.to_bytes(monitoring.profile(reference, first, {"data_version": training_set.data_version}))


def _keep(at: Workspace, version: str, files: dict[str, bytes]) -> None:
    """Beside the model in MLflow and, for the daily check, at hand."""
    from evergreen.adapters.monitoring.calibrations import write_calibration

    paths = write_calibration(at.settings.calibrations / version, files)
    with reading(at.engine) as conn:
        run_id = ledger.read_model_version(conn, at.settings.model_name, version).run_id
    at.tracking.attach(run_id, paths, "drift")
