"""From a retrain request to a registered version: training set, notebook, registry, local copy."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import pandas as pd
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from evergreen.adapters.database import ledger, writing
from evergreen.adapters.database.requests import RetrainRequest
from evergreen.adapters.infra.preload import importing
from evergreen.core.bars.calendar import session_closes, sessions
from evergreen.errors import NotebookFailed, Refused
from evergreen.workspace import REPOSITORY, workspace
from tasks.artifacts import show
from tasks.decorators import effect
from tasks.models import read_manifest

NOTEBOOK = REPOSITORY / "notebooks" / "train.ipynb"
NOTEBOOK_TIMEOUT = 1200  # seconds
LABEL_TOLERANCE = 1e-6  # log return


@dataclass(frozen=True)
class TrainingSet:
    """Where a training set lies, what it was made from, and the hash of its content."""

    path: Path
    data_version: str
    as_of: str
    rows: int
    sha256: str


@effect
def make_training_set(asked: RetrainRequest, horizon: int, now: datetime) -> TrainingSet:
    """Join features and labels as they were known at `now`, through Feast, and audit them for look-ahead."""
    from evergreen.adapters.models.training_file import SLAB
    from evergreen.core.dataset.labels import forward_return
    from evergreen.core.dataset.look_ahead_audit import audit, stamp
    from evergreen.core.dataset.panel import training_frame, training_set_sha256

    at = workspace()
    as_of = pd.Timestamp(asked.as_of)
    known_at = pd.Timestamp(now)
    bars = at.bars.as_of(known_at, end=as_of)
    labels = forward_return(bars, horizon)
    entities = labels.index.to_frame()
    entities["event_timestamp"] = session_closes(at.settings.calendar, pd.DatetimeIndex(entities["session"]))
    features = at.features.training_frame(entities, known_at)[list(at.features.names)]
    days = sessions(at.settings.calendar, bars["session"].min(), as_of)
    compute = partial(at.features.compute, calendar=days)
    verdict = audit(features, labels, bars, compute, at.features.lookback, horizon)
    frame = stamp(training_frame(features, labels), verdict)
    path = at.settings.runs / asked.id / "training_set.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(path, index=False, row_group_size=SLAB)
    return TrainingSet(path, asked.data_version, asked.as_of, len(frame), training_set_sha256(frame))


@effect
def run_training_notebook(
    asked: RetrainRequest, made: TrainingSet, horizon: int, seed: int, tuning_budget: int = 0
) -> Path:
    """Execute `notebooks/train.ipynb` on the training set; returns the folder of its output."""
    from evergreen.adapters.notebooks.papermill import run_notebook
    from evergreen.core.model.breadth import suited

    tickers = pd.read_parquet(made.path, columns=["ticker"])["ticker"].nunique()
    output = made.path.parent / "output"
    parameters = {
        "training_set": str(made.path),
        "as_of": asked.as_of,
        "horizon": horizon,
        "seed": seed,
        "tuning_budget": tuning_budget,
        "train_sessions": workspace().settings.train_sessions,
        "output": str(output),
        "data_version": made.data_version,
        "commit": commit(),
        "request_id": asked.id,
        "run_name": f"{asked.cause} {asked.as_of}",
    } | suited(tickers)
    progress = create_progress_artifact(0.0, key="training", description="notebooks/train.ipynb, cells done")
    executed = output.parent / "train.ipynb"
    try:
        with importing("evergreen.adapters.mlflow.tracking"):  # what the next task needs
            run_notebook(
                NOTEBOOK,
                parameters,
                executed,
                timeout=NOTEBOOK_TIMEOUT,
                on_progress=lambda done, cells: update_progress_artifact(progress, progress=100 * done / cells),
            )
    except NotebookFailed as failed:
        code = (f"```python\n{failed.source}\n```", f"```\n{failed.traceback}\n```")
        show("failed-cell", failed.what, *code, f"As far as it ran: `{failed.executed}`")
        raise
    return output


@effect
def register_random_walk(asked: RetrainRequest, made: TrainingSet, horizon: int, seed: int, now: datetime) -> str:
    """Log and register the random walk with the evidence any model has; returns its version."""
    from evergreen.core.model.training import TrainingConfig

    run_id = workspace().tracking.log_random_walk(
        pd.read_parquet(made.path),
        TrainingConfig(horizon=horizon, seed=seed),
        made.path.parent / "random_walk",
        asked.as_of,
        made.data_version,
        {"request_id": f"{asked.id}-random-walk", "commit": commit()},
    )
    return keep_version(asked, run_id, now)


@effect
def register_trained(asked: RetrainRequest, output: Path, now: datetime) -> str:
    """Attach the executed notebook to its MLflow run, register the model and fetch it back; returns the version."""
    from evergreen.adapters.notebooks.papermill import to_html

    at = workspace()
    run_id = json.loads((output / "run.json").read_text())["run_id"]
    executed = output.parent / "train.ipynb"
    at.tracking.attach(run_id, [executed, to_html(executed)])
    return keep_version(asked, run_id, now)


@effect
def register_challenger(asked: RetrainRequest, made: TrainingSet, run_id: str, now: datetime) -> str:
    """Register the model of a research run, if its record holds against the bar store; returns the version.

    Raises:
        NotFound, Broken: no such run, or not one that the training notebook logged.
        Refused: the outcomes it was judged by are not those of the bar store, or it stands after the request.
    """
    from evergreen.adapters.models.folder import read_model_folder

    at = workspace()
    folder = at.tracking.fetch_run(run_id, made.path.parent / "output")
    model = read_model_folder(folder)
    if problem := mismatch_reason(model.oos, pd.read_parquet(made.path, columns=["ticker", "session", "label"])):
        raise Refused(f"Run {run_id} cannot challenge: {problem}.", "Train it on this installation's bars.")
    return keep_version(asked, run_id, now)


def mismatch_reason(record: pd.DataFrame, known: pd.DataFrame) -> str:
    """Why a walk-forward record cannot be judged here; empty when its outcomes are those known here."""
    rows = record[["ticker", "session", "label"]].merge(known, on=["ticker", "session"], how="left")
    strange = rows["label_y"].isna()
    if strange.any():
        return f"{int(strange.sum())} of its {len(rows)} judged rows have no outcome here"
    wrong = (rows["label_x"] - rows["label_y"]).abs() > LABEL_TOLERANCE
    return f"{int(wrong.sum())} of its {len(rows)} outcomes are not those of the bar store" if wrong.any() else ""


def keep_version(asked: RetrainRequest, run_id: str, now: datetime) -> str:
    """Register a run's model, keep a verified local copy of it and write its hash down; returns the version."""
    at = workspace()
    name = at.settings.model_name
    version = at.tracking.register(name, run_id, {"data_version": asked.data_version, "request_id": asked.id})
    at.tracking.download(name, version, at.model_folder(version))
    manifest = read_manifest(at, version)
    registered = ledger.ModelVersion(
        model=name,
        version=version,
        run_id=run_id,
        sha256=manifest.model_sha256,
        as_of=asked.as_of,
        created_at=now,
        kind=manifest.kind,
        data_version=asked.data_version,
        request_id=asked.id,
    )
    with writing(at.engine) as conn:
        ledger.record_model_version(conn, registered)
    return version


def commit() -> str:
    """The commit this code stands at, with a plus when files differ from it; `unknown` outside a checkout."""
    asked = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"
