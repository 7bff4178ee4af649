"""What a training run leaves: model.txt, manifest.json, oos.parquet, metrics.json and figures/*.png."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evergreen.core.model.manifest import Manifest
from evergreen.errors import Broken, ModelRefused

if TYPE_CHECKING:
    import pandas as pd

    from evergreen.core.model.protocol import Model
    from evergreen.core.model.training import Training

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
    (folder / MODEL).write_bytes(training.model.to_bytes())
    (folder / MANIFEST).write_text(training.manifest(as_of, data_version).to_json())
    training.oos.to_parquet(folder / OOS, index=False, coerce_timestamps="us")
    (folder / METRICS).write_text(json.dumps(_metrics(training), indent=1))
    return folder


def read_model_folder(folder: Path) -> ModelFolder:
    """Read a folder whose files agree with each other.

    Raises:
        Broken: a file is missing, unreadable, or the model is not the manifest's.
    """
    from evergreen.core.model.registry import load_verified

    try:
        manifest = read_manifest(folder)
        oos = read_oos(folder)
        metrics = json.loads((folder / METRICS).read_text())
    except (OSError, ValueError) as error:
        raise Broken(f"the model folder {folder} cannot be read: {error}.", "Train or download it again.") from None
    load_verified(folder / MODEL, manifest.model_sha256, manifest.kind)
    return ModelFolder(folder, manifest, oos, metrics)


def read_manifest(folder: Path, sha256: str | None = None) -> Manifest:
    """What a model is and may be used for, as written beside it.

    Args:
        folder: of the model.
        sha256: what the file must have; None where nothing is on record yet.

    Raises:
        ModelRefused: the file is another.
        Broken: it is no manifest.
    """
    content = (folder / MANIFEST).read_bytes()
    _require_hash(folder / MANIFEST, content, sha256)
    return Manifest.from_json(content.decode(errors="replace"))


def load_model(folder: Path, expected: Mapping[str, str]) -> tuple[Manifest, Model]:
    """The manifest and the model of a folder, if they are those on record and belong to each other.

    Args:
        folder: of the model.
        expected: file name -> SHA-256 on record; the model's own at least.

    Raises:
        NotFound, Broken: a file is missing or unreadable.
        ModelRefused: a file is another, or the manifest describes another model.
    """
    from evergreen.core.model.registry import load_verified, require_described

    try:
        manifest = read_manifest(folder, expected.get(MANIFEST))
    except OSError as error:
        raise Broken(f"{folder / MANIFEST} cannot be read: {error}.", "Run `evergreen reconcile`.") from None
    model = load_verified(folder / MODEL, expected[MODEL], manifest.kind)
    require_described(model, manifest, expected[MODEL])
    return manifest, model


def on_record(model_sha256: str, files: Mapping[str, str]) -> dict[str, str]:
    """File name -> SHA-256, for a version whose record may be from before other files than the model's were."""
    return {MODEL: model_sha256, **files}


def read_oos(folder: Path, sha256: str | None = None) -> pd.DataFrame:
    """The walk-forward record: a model's out-of-sample forecasts, as in `core.model.training.Training`.

    Args:
        folder: of the model.
        sha256: what the file must have; None where nothing is on record yet.

    Raises:
        ModelRefused: the file is another.
        Broken: the file is missing or unreadable.
    """
    import pandas as pd

    try:
        content = (folder / OOS).read_bytes()
        _require_hash(folder / OOS, content, sha256)
        return pd.read_parquet(BytesIO(content))
    except (OSError, ValueError) as error:
        raise Broken(f"the record of {folder} cannot be read: {error}.", "Train or download it again.") from None


def _require_hash(file: Path, content: bytes, sha256: str | None) -> None:
    if sha256 is not None and (actual := hashlib.sha256(content).hexdigest()) != sha256:
        raise ModelRefused(
            f"{file} is not the registered one: SHA-256 {actual[:12]}... instead of {sha256[:12]}...",
            "Fetch the version again with `evergreen reconcile`.",
        )


def write_run(folder: Path, run_id: str, commit: str = "") -> None:
    """Note in the folder which MLflow run holds it, the files' hashes then, and the code's commit if it is known."""
    (folder / RUN).write_text(json.dumps({"run_id": run_id, "sha256s": sha256s(folder), "commit": commit}))


def read_run_id(folder: Path) -> str:
    """The MLflow run that the training notebook logged the folder as."""
    return str(json.loads((folder / RUN).read_text())["run_id"])


def read_commit(folder: Path) -> str:
    """The commit whose code trained the model, as its MLflow run told when it was fetched; empty if none is noted."""
    note = folder / RUN
    return str(json.loads(note.read_text()).get("commit", "")) if note.is_file() else ""


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
