"""What a training run leaves: model.txt, manifest.json, oos.parquet, metrics.json and figures/*.png."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from evergreen.core.model.booster import load_verified
from evergreen.core.model.manifest import Manifest
from evergreen.core.model.training import Training
from evergreen.errors import Broken

MODEL, MANIFEST, OOS, METRICS, FIGURES, RUN = (
    "model.txt",
    "manifest.json",
    "oos.parquet",
    "metrics.json",
    "figures",
    "run.json",
)
VERIFIED = (MODEL, MANIFEST, OOS)


@dataclass(frozen=True)
class ModelFolder:
    """What was read back: `metrics` as in metrics.json, `oos` as in `core.training.Training`."""

    path: Path
    manifest: Manifest
    oos: pd.DataFrame
    metrics: dict[str, Any]


def write_model_folder(training: Training, folder: Path, as_of: str, data_version: str) -> Path:
    """Write a training's files; equal trainings give equal bytes.

    Args:
        training: from `core.training`.
        folder: made if missing; files of the same names are overwritten.
        as_of: the session the run stands at, ISO date.
        data_version: the snapshot trained on.
    """
    (folder / FIGURES).mkdir(parents=True, exist_ok=True)
    (folder / MODEL).write_bytes(training.booster_text.encode())
    (folder / MANIFEST).write_text(training.manifest(as_of, data_version).to_json())
    training.oos.to_parquet(folder / OOS, index=False, coerce_timestamps="us")
    (folder / METRICS).write_text(json.dumps(_metrics(training), indent=1))
    return folder


def read_model_folder(folder: Path) -> ModelFolder:
    """Read a folder whose files agree with each other.

    Raises:
        Broken: a file is missing, unreadable, or the model is not the manifest's.
    """
    try:
        manifest = Manifest.from_json((folder / MANIFEST).read_text())
        oos = pd.read_parquet(folder / OOS)
        metrics = json.loads((folder / METRICS).read_text())
    except (OSError, ValueError) as error:
        raise Broken(f"the model folder {folder} cannot be read: {error}.", "Train or download it again.") from None
    load_verified(folder / MODEL, manifest.model_sha256)
    return ModelFolder(folder, manifest, oos, metrics)


def read_record(folder: Path) -> pd.DataFrame:
    """The walk-forward record in a folder: ticker, session, forecast, label, lower, upper, as fold models said it.

    Raises:
        Broken: the file is missing or unreadable.
    """
    try:
        return pd.read_parquet(folder / OOS)
    except (OSError, ValueError) as error:
        raise Broken(f"the record of {folder} cannot be read: {error}.", "Train or download it again.") from None


def sha256s(folder: Path) -> dict[str, str]:
    """SHA-256 of the files a registered version is verified by.

    Raises:
        Broken: one of them is missing.
    """
    missing = [name for name in VERIFIED if not (folder / name).is_file()]
    if missing:
        raise Broken(f"{folder} lacks {', '.join(missing)}.", "Train or download it again.")
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in VERIFIED}


def _metrics(training: Training) -> dict[str, Any]:
    folds = json.loads(training.folds.to_json(orient="records", date_format="iso", double_precision=15))
    return {
        "metrics": training.metrics,
        "folds": folds,
        "importance": training.importance.to_dict(),
        "config": training.config.as_dict(),
    }
