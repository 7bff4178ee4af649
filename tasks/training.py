"""From a retrain request to a trained model: the training set, and the notebook that is executed on it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pandas as pd
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from evergreen.adapters.database import reading, rollouts
from evergreen.adapters.database.requests import RetrainRequest
from evergreen.adapters.infra.preload import importing
from evergreen.core.model.aim import Aim
from evergreen.core.model.choices import TrainingChoices
from evergreen.errors import NotebookFailed
from evergreen.research.registered import champion_record
from evergreen.research.retrainings import renewing_learner
from evergreen.workspace import REPOSITORY, workspace
from tasks.artifacts import show
from tasks.decorators import effect

NOTEBOOK = REPOSITORY / "notebooks" / "train.ipynb"
NOTEBOOK_TIMEOUT = 1200  # seconds: forty times what 500 tickers over five years take on two cores
BARS, CHAMPION = "bars.parquet", "champion.parquet"  # beside the training set


@dataclass(frozen=True)
class TrainingSet:
    """Where a training set lies, what it was made from, and the hash of its content."""

    path: Path
    data_version: str
    as_of: str
    rows: int
    sha256: str


@effect
def make_training_set(request: RetrainRequest, aim: Aim, now: datetime) -> TrainingSet:
    """Join features and labels as they were known at `now`, through Feast, and audit them for look-ahead."""
    from evergreen.adapters.models.training_file import SLAB
    from evergreen.core.dataset.panel import training_set_sha256
    from evergreen.research.training_sets import installation_bars, installation_training_set

    at = workspace()
    frame = installation_training_set(at, pd.Timestamp(request.as_of), pd.Timestamp(now), aim)
    path = at.settings.runs / request.id / "training_set.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(path, index=False, row_group_size=SLAB)
    bars = installation_bars(at, pd.Timestamp(request.as_of), pd.Timestamp(now))
    bars[["ticker", "session", "close", "volume", "factor"]].to_parquet(path.with_name(BARS), index=False)
    print(f"{len(frame):,} rows of training data to {request.as_of}, data version {request.data_version}")
    return TrainingSet(path, request.data_version, request.as_of, len(frame), training_set_sha256(frame))


@effect
def run_training_notebook(request: RetrainRequest, training_set: TrainingSet, choices: TrainingChoices) -> Path:
    """Execute `notebooks/train.ipynb` on the training set; returns the folder of its output."""
    from evergreen.adapters.notebooks.papermill import run_notebook

    output = training_set.path.parent / "output"
    executed = output.parent / "train.ipynb"
    parameters = notebook_parameters(request, training_set, output, choices.target) | choices.as_dict()
    try:
        with importing("evergreen.adapters.mlflow.tracking"):  # what the next task needs
            run_notebook(NOTEBOOK, parameters, executed, timeout=NOTEBOOK_TIMEOUT, on_progress=progress_artifact())
    except NotebookFailed as failed:
        code = (f"```python\n{failed.source}\n```", f"```\n{failed.traceback}\n```")
        show("failed-cell", failed.what, *code, f"As far as it ran: `{failed.executed}`")
        raise
    return output


def notebook_parameters(
    request: RetrainRequest, training_set: TrainingSet, output: Path, target: str
) -> dict[str, Any]:
    """What the notebook is told of the data, of where its model goes and of who asked for it."""
    from evergreen.core.model.breadth import suited
    from evergreen.core.model.targets.registry import target as registered

    tickers = pd.read_parquet(training_set.path, columns=["ticker"])["ticker"].nunique()
    return {
        "training_set": str(training_set.path),
        "bars": str(training_set.path.with_name(BARS)),
        "champion": _write_champion(training_set.path.with_name(CHAMPION)),
        "as_of": request.as_of,
        "train_sessions": workspace().settings.train_sessions,
        "num_threads": workspace().settings.training_threads,
        "output": str(output),
        "data_version": training_set.data_version,
        "commit": commit(),
        "request_id": request.id,
        "run_name": f"{request.cause} {request.as_of}",
    } | (suited(tickers, registered(target).by_order) | _renewing())


def _renewing() -> dict[str, str]:
    """The learner that renews the champion's recipe, if there is one."""
    name = renewing_learner(workspace())
    return {"learner": name} if name else {}


def _write_champion(path: Path) -> str:
    """All the champion forecast out of sample, as a file; returns where it lies, empty where there is nothing."""
    at = workspace()
    with reading(at.engine) as conn:
        rollout = rollouts.read(conn, at.settings.model_name)
    record = champion_record(at, rollout.champion) if rollout else None
    if record is None:
        return ""
    record.to_parquet(path, index=False)
    return str(path)


def progress_artifact() -> Callable[[int, int], None]:
    """A bar in the UI that fills as cells are done: to be told how many of how many."""
    artifact = create_progress_artifact(0.0, key="training", description="notebooks/train.ipynb, cells done")
    progress = cast("UUID", artifact)

    def show_progress(finished: int, cells: int) -> None:
        update_progress_artifact(progress, progress=100 * finished / cells)

    return show_progress


def commit() -> str:
    """The commit this code stands at, with a plus when files differ from it; `unknown` outside a checkout."""
    command = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"]
    described = subprocess.run(command, capture_output=True, text=True, check=False)
    return described.stdout.strip() or "unknown"
