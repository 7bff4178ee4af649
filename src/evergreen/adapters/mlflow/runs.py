"""What one training run writes into MLflow, and how its files come back."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import mlflow
import mlflow.pyfunc
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run
from mlflow.models import ModelSignature, infer_signature

from evergreen.adapters.infra.urls import without_password
from evergreen.adapters.mlflow.client import answering
from evergreen.adapters.models.folder import FIGURES, MANIFEST, METRICS, MODEL, VERIFIED, ModelFolder, sha256s
from evergreen.core.dataset.look_ahead_audit import Audit
from evergreen.core.model.manifest import Manifest
from evergreen.core.model.registry import load_verified
from evergreen.errors import Broken, NotFound

HASH_TAG = "sha256."
LOADER = "evergreen.adapters.mlflow.flavor"  # named, so that nothing is pickled


def facts(model: ModelFolder) -> dict[str, str]:
    """Tags that tie a run to its data and files."""
    manifest = model.manifest
    return {
        "kind": manifest.kind,
        "as_of": manifest.as_of,
        "data_version": manifest.data_version,
        "trained_through": manifest.trained_through,
        "training_set_sha256": manifest.training_set_sha256,
        "look_ahead_audit": "none" if manifest.audit is None else Audit.from_dict(manifest.audit).sentence,
    } | hashes(model)


def hashes(model: ModelFolder) -> dict[str, str]:
    """Tags of the files a version is verified by."""
    return {HASH_TAG + name: value for name, value in sha256s(model.path).items()}


def log_run(client: MlflowClient, uri: str, run: Run, model: ModelFolder, params: Mapping[str, object]) -> None:
    """Parameters, metrics, figures, files, and last the model as MLflow serves it, which ends the run."""
    run_id = run.info.run_id
    client.log_batch(
        run_id,
        metrics=_metrics(model, int(run.info.start_time)),
        params=[Param(name, _text(value)) for name, value in params.items()],
    )
    for name in (*VERIFIED, METRICS):
        client.log_artifact(run_id, str(model.path / name))
    if (model.path / FIGURES).is_dir():
        client.log_artifacts(run_id, str(model.path / FIGURES), FIGURES)
    load_verified(model.path / MODEL, model.manifest.model_sha256, model.manifest.kind)
    with tracking_at(uri), mlflow.start_run(run_id=run_id), _pair(model.path) as pair:
        mlflow.pyfunc.log_model(
            name="model",
            loader_module=LOADER,
            data_path=str(pair),
            signature=_signature(model.manifest),
            input_example=_inputs(model.manifest).tail(1),
            pip_requirements=[f"evergreen-market=={version('evergreen-market')}"],
        )


def fetch(client: MlflowClient, uri: str, run_id: str, target: Path, names: Sequence[str] = VERIFIED) -> None:
    """Download files of a run, by default the verified ones, into a folder.

    Raises:
        Broken: one of them is gone.
    """
    for name in names:
        try:
            with answering(uri):
                client.download_artifacts(run_id, name, str(target))
        except (NotFound, OSError) as error:
            raise Broken(
                f"{name} of run {run_id} is gone from MLflow at {without_password(uri)}.",
                "Serve another version and train again.",
            ) from error


def matches(folder: Path, expected: Mapping[str, str]) -> bool:
    """Whether a folder holds the verified files, those named in `expected` with these hashes."""
    return all((folder / name).is_file() for name in VERIFIED) and expected.items() <= sha256s(folder).items()


@contextmanager
def aside(target: Path) -> Iterator[Path]:
    """A folder beside `target` that takes its place only if nothing fails."""
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        if target.exists():
            shutil.rmtree(target)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _pair(folder: Path) -> Iterator[Path]:
    """A folder of the model and its manifest alone."""
    with tempfile.TemporaryDirectory() as pair:
        for name in (MODEL, MANIFEST):
            shutil.copy(folder / name, pair)
        yield Path(pair)


def _metrics(model: ModelFolder, timestamp: int) -> list[Metric]:
    overall = [Metric(name, value, timestamp, 0) for name, value in model.metrics["metrics"].items()]
    folds = [
        Metric(f"fold_{name}", value, timestamp, int(fold["fold"]))
        for fold in model.metrics["folds"]
        for name, value in fold.items()
        if isinstance(value, int | float) and name != "fold"
    ]
    return [metric for metric in overall + folds if metric.value is not None]


def _inputs(manifest: Manifest) -> pd.DataFrame:
    """The golden inputs; the last row has nothing missing."""
    return pd.DataFrame(manifest.golden_matrix(), columns=list(manifest.feature_names))


def _signature(manifest: Manifest) -> ModelSignature:
    return infer_signature(_inputs(manifest), pd.Series(manifest.golden_outputs, name="forecast"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@contextmanager
def tracking_at(uri: str) -> Iterator[None]:
    """Logging and registering read the process-wide address: set it, then put back what was there."""
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)
