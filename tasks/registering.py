"""From a trained model to a registered version: MLflow's run and registry, the local copy, its files' hashes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pandas as pd

from evergreen.adapters.database import ledger, reading, writing
from evergreen.adapters.database.requests import RetrainRequest
from evergreen.core.model.choices import TrainingChoices
from evergreen.core.model.manifest import Manifest
from evergreen.errors import Refused
from evergreen.research.retrainings import require_same_aim
from evergreen.workspace import workspace
from tasks.assets import FEATURES, MODEL, note_checks
from tasks.decorators import making
from tasks.training import TrainingSet, commit

# Log return, or another target's larger unit: closes that two deliveries rounded otherwise agree, restated ones do not.
LABEL_TOLERANCE = 1e-6


@making(MODEL, FEATURES)
def register_random_walk(
    request: RetrainRequest, training_set: TrainingSet, choices: TrainingChoices, now: datetime
) -> str:
    """Log and register the random walk with the evidence any model has; returns its version."""
    run_id = workspace().tracking.log_random_walk(
        pd.read_parquet(training_set.path),
        choices.config(),
        walk := training_set.path.parent / "random_walk",
        request.as_of,
        training_set.data_version,
        {"request_id": f"{request.id}-random-walk", "commit": commit()},
    )
    return keep_version(request, run_id, walk, now)


@making(MODEL, FEATURES)
def register_trained(request: RetrainRequest, output: Path, now: datetime) -> str:
    """Attach the executed notebook to its MLflow run, register the model and fetch it back; returns the version."""
    from evergreen.adapters.models.folder import read_run_id
    from evergreen.adapters.notebooks.papermill import to_html

    at = workspace()
    run_id = read_run_id(output)
    executed = output.parent / "train.ipynb"
    at.tracking.attach(run_id, [executed, to_html(executed)])
    return keep_version(request, run_id, output, now)


@making(MODEL, FEATURES)
def register_challenger(request: RetrainRequest, training_set: TrainingSet, run_id: str, now: datetime) -> str:
    """Register the model of a research run, if its record holds against the bar store; returns the version.

    Raises:
        NotFound, Broken: no such run, or not one that the training notebook logged.
        BadInput: it forecasts something else than the champion.
        Refused: the outcomes it was judged by are not those of the bar
            store, or it stands after the request.
    """
    from evergreen.adapters.models.folder import read_model_folder

    at = workspace()
    folder = at.tracking.fetch_run(run_id, training_set.path.parent / "output")
    model = read_model_folder(folder)
    require_same_aim(at, model.manifest.aim)
    if problem := mismatch_reason(
        model.oos, pd.read_parquet(training_set.path, columns=["ticker", "session", "label"])
    ):
        raise Refused(
            f"Run {run_id} cannot challenge: {problem}.",
            "Train it on this installation's bars, and say its --target and --horizon.",
        )
    return keep_version(request, run_id, folder, now)


def mismatch_reason(record: pd.DataFrame, known: pd.DataFrame) -> str:
    """Why a walk-forward record cannot be judged here; empty when its outcomes are those known here."""
    rows = record[["ticker", "session", "label"]].merge(known, on=["ticker", "session"], how="left")
    strange = rows["label_y"].isna()
    if strange.any():
        return f"{int(strange.sum())} of its {len(rows)} judged rows have no outcome here"
    wrong = (rows["label_x"] - rows["label_y"]).abs() > LABEL_TOLERANCE
    return f"{int(wrong.sum())} of its {len(rows)} outcomes are not those of the bar store" if wrong.any() else ""


def keep_version(request: RetrainRequest, run_id: str, trained: Path, now: datetime) -> str:
    """Register a run's model, keep a local copy of it and write its files' hashes down; returns the version.

    The hashes are those of the folder `trained`: MLflow must give back the same bytes before they are kept.
    """
    from evergreen.adapters.models.folder import MODEL, read_manifest, sha256s

    at, files = workspace(), sha256s(trained)
    name = at.settings.model_name
    number = at.registry.register(name, run_id, {"data_version": request.data_version, "request_id": request.id})
    with reading(at.engine) as conn:
        version = ledger.version_of_run(conn, name, run_id, number)
    at.tracking.download(run_id, at.model_folder(version), files)
    manifest = read_manifest(at.model_folder(version))
    registered = ledger.ModelVersion(
        model=name,
        version=version,
        run_id=run_id,
        sha256=files[MODEL],
        as_of=request.as_of,
        created_at=now,
        kind=manifest.kind,
        data_version=request.data_version,
        request_id=request.id,
        files=files,
    )
    with writing(at.engine) as conn:
        ledger.record_model_version(conn, registered)
    print(f"Version {version} ({manifest.kind}) is run {run_id}, trained through {manifest.trained_through}.")
    _note_version(registered, manifest)
    return version


def _note_version(registered: ledger.ModelVersion, manifest: Manifest) -> None:
    audit = manifest.audit or {}
    note_checks(
        MODEL,
        version=registered.version,
        kind=registered.kind,
        run_id=registered.run_id,
        sha256=registered.sha256,
        data_version=registered.data_version,
        trained_through=manifest.trained_through,
        look_ahead_findings=len(audit["findings"]) if "findings" in audit else None,
    )
