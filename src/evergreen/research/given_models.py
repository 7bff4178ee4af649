"""A model file made elsewhere, brought before this installation's sessions and into MLflow as a run."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from evergreen.adapters.database import ledger, reading
from evergreen.adapters.models.folder import write_model_folder, write_run
from evergreen.core.model.given import judge_given
from evergreen.core.model.onnx_file import model_of_file
from evergreen.errors import BadInput, NotFound, UnreadableFile
from evergreen.research.project import run_folder
from evergreen.research.training_sets import installation_training_set
from evergreen.workspace import Workspace


def log_model_file(at: Workspace, path: Path, trained_through: str, horizon: int, tried: int) -> str:
    """Judge a model file on the sessions after what it was trained through, and log it; returns the run's id.

    Args:
        at: the installation whose bars it is judged on.
        path: of an .onnx file.
        trained_through: ISO date of the last session whose prices the model has seen.
        horizon: sessions ahead that it forecasts.
        tried: models that it was chosen from, itself included.

    Raises:
        UnreadableFile: no such file.
        ModelRefused: not a graph of this store's features.
        BadInput: no date, or too few sessions came after it.
        NotFound: the installation has no bars.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}.", "Give an .onnx file.") from None
    model, through = model_of_file(content, at.features.names), _day(trained_through)
    with reading(at.engine) as conn:
        newest = next(iter(ledger.data_versions(conn, 1)), None)
    if newest is None:
        raise NotFound("there are no bars to judge it on.", "Type `evergreen backfill` first.")
    rows = installation_training_set(
        at, pd.Timestamp(newest.as_of), pd.Timestamp(datetime.now(UTC)), horizon, model.features
    )
    folder = run_folder(at.settings, "")
    write_model_folder(judge_given(model, rows, through, horizon, tried), folder, newest.as_of, newest.id)
    params = {"model": path.name, "trained_through": trained_through, "horizon": horizon, "tried": tried}
    run_id = at.tracking.log_training(folder, params, {}, path.name)
    write_run(folder, run_id)
    return run_id


def _day(text: str) -> pd.Timestamp:
    try:
        return pd.Timestamp(datetime.strptime(text, "%Y-%m-%d"))
    except ValueError:
        raise BadInput(f"{text!r} is no date.", "Write --trained-through 2016-12-30.") from None
