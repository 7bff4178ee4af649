"""The papers of a version: a model card from the record, beside the model in MLflow and in the UI."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from evergreen.adapters.database import ledger, reading
from evergreen.adapters.database.requests import RetrainRequest
from evergreen.workspace import REPOSITORY, workspace
from tasks.artifacts import show
from tasks.decorators import effect
from tasks.gate import Judgement
from tasks.training import commit


@effect
def write_model_card(request: RetrainRequest, judgement: Judgement, now: datetime) -> str:
    """Make the model card of a judged version and keep it with its MLflow run; returns the run's id."""
    from evergreen.adapters.documents import model_card
    from evergreen.adapters.models.folder import read_model_folder

    at = workspace()
    with reading(at.engine) as conn:
        registered = ledger.read_model_version(conn, at.settings.model_name, judgement.version)
        trained_on = ledger.read_data_version(conn, request.data_version)
    executed = at.settings.runs / request.id / "train.ipynb"
    provenance = model_card.Provenance(
        version=judgement.version,
        run_id=registered.run_id,
        cause=request.cause,
        commit=commit(),
        made_at=now,
        verdict=judgement.verdict.sentence,
        data=_data(trained_on),
        notebook_sha256=sha256(executed.read_bytes()).hexdigest() if executed.exists() else "",
        audit=_audit(executed.with_name("training_set.parquet")),
    )
    model = read_model_folder(at.settings.runs / request.id / "output")
    papers = model_card.write_model_card(
        model, provenance, REPOSITORY / "requirements.lock", executed.parent / "model_card"
    )
    at.tracking.attach(registered.run_id, papers, "model_card")
    at.registry.describe(at.settings.model_name, registered.run_id, _why(request, judgement))
    show("model-card", f"Model card of version {judgement.version}", papers[0].read_text().partition("\n")[2])
    return registered.run_id


def _why(request: RetrainRequest, judgement: Judgement) -> str:
    return (
        f"**{request.cause}**, as of {request.as_of}, trained on data version `{request.data_version}`.\n\n"
        f"{judgement.verdict.sentence}\n\nThe model card is `model_card/model_card.md` among the run's artifacts."
    )


def _audit(training_set: Path) -> str:
    """What the look-ahead audit said of the set it was trained on; empty where none is kept."""
    from evergreen.adapters.models.training_file import TrainingFile
    from evergreen.core.dataset.look_ahead_audit import verdict_on

    verdict = verdict_on(TrainingFile(training_set), (), 1) if training_set.exists() else None
    return verdict.sentence if verdict else ""


def _data(version: ledger.DataVersion) -> dict[str, Any]:
    first, last = version.report.get("first"), version.report.get("last")
    return {
        "from": version.source,
        "sessions added": f"{first} to {last}" if first else "none",
        "rows added": version.rows_added,
        "rows refused by validation": version.rows_refused,
        "restated": version.restated,
    }
