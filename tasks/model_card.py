"""The papers of a version: a model card from the record, beside the model in MLflow and in the UI."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Any

from evergreen.adapters.database import ledger, reading
from evergreen.adapters.database.requests import RetrainRequest
from evergreen.workspace import REPOSITORY, Workspace, workspace
from tasks.artifacts import show
from tasks.decorators import effect
from tasks.gate import Judgement
from tasks.training import commit


@effect
def write_model_card(asked: RetrainRequest, judged: Judgement, now: datetime) -> str:
    """Make the model card of a judged version and keep it with its MLflow run; returns the run's id."""
    from evergreen.adapters.documents import model_card
    from evergreen.adapters.models.folder import read_model_folder

    at = workspace()
    with reading(at.engine) as conn:
        registered = ledger.read_model_version(conn, at.settings.model_name, judged.version)
    executed = at.settings.runs / asked.id / "train.ipynb"
    known = model_card.Provenance(
        version=judged.version,
        run_id=registered.run_id,
        cause=asked.cause,
        commit=commit(),
        made_at=now,
        verdict=judged.verdict.sentence,
        data=_data(at, asked.data_version),
        notebook_sha256=sha256(executed.read_bytes()).hexdigest() if executed.exists() else "",
    )
    model = read_model_folder(at.settings.runs / asked.id / "output")
    papers = model_card.write_model_card(model, known, REPOSITORY / "requirements.lock", executed.parent / "dossier")
    at.tracking.attach(registered.run_id, papers, "dossier")
    at.tracking.describe(at.settings.model_name, judged.version, _why(asked, judged))
    show("model-card", f"Model card of version {judged.version}", papers[0].read_text().partition("\n")[2])
    return registered.run_id


def _why(asked: RetrainRequest, judged: Judgement) -> str:
    return (
        f"**{asked.cause}**, as of {asked.as_of}, trained on data version `{asked.data_version}`.\n\n"
        f"{judged.verdict.sentence}\n\nThe model card is `dossier/model_card.md` among the run's artifacts."
    )


def _data(at: Workspace, data_version: str) -> dict[str, Any]:
    with reading(at.engine) as conn:
        made = ledger.read_data_version(conn, data_version)
    return {
        "from": made.source,
        "sessions": f"{made.first_session} to {made.last_session}",
        "rows added": made.rows_added,
        "rows refused by validation": made.rows_refused,
        "restated": made.restated,
    }
