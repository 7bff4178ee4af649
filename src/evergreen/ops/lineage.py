"""What a flow run read and made, and what its figures rest on, from the records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from evergreen.adapters.database import ledger, reading, requests, rollouts
from evergreen.adapters.infra.openlineage import LineageDataset
from evergreen.workspace import Workspace

SOURCE = "source"
FLOWS = {  # what each reads, and what it makes
    "backfill": ((SOURCE,), ("bars", "features")),
    "daily": ((SOURCE, "model"), ("bars", "features", "forecasts")),
    "retrain": (("bars", "features"), ("model",)),
    "canary": (("model", "forecasts"), ()),
    "report": (("features", "model"), ()),
    "replay": ((SOURCE,), ("bars", "features", "model", "forecasts")),
}


@dataclass(frozen=True)
class Lineage:
    """Datasets with their versions, and what figures rest on by name."""

    inputs: tuple[LineageDataset, ...]
    outputs: tuple[LineageDataset, ...]
    provenance: Mapping[str, str]


def lineage_of(at: Workspace, flow: str, parameters: Mapping[str, Any]) -> Lineage:
    """The lineage of a run of `flow` with these parameters, as the records stand now.

    Of a source only its kind is told: the rest of its name may hold an account.
    """
    reads, makes = FLOWS.get(flow, ((), ()))
    source = str(parameters.get("source") or at.settings.market.source).partition(":")[0]
    with reading(at.engine) as conn:
        rests_on = _rests_on(conn, at, parameters.get("request_id"))
    versions = {"bars": rests_on.get("dataVersion", ""), "model": rests_on.get("modelVersion", "")}

    def dataset(name: str) -> LineageDataset:
        return LineageDataset(f"source/{source}") if name == SOURCE else LineageDataset(name, versions.get(name, ""))

    return Lineage(tuple(map(dataset, reads)), tuple(map(dataset, makes)), rests_on)


def _rests_on(conn: Connection, at: Workspace, request_id: str | None) -> dict[str, str]:
    """Data version, model version and hash of its notebook: those of a request, else those that serve."""
    model = at.settings.model_name
    if request_id:
        request = requests.read(conn, request_id)
        data, version = request.data_version, request.version
    else:
        newest, rollout = ledger.data_versions(conn, limit=1), rollouts.read(conn, model)
        data, version = newest[0].id if newest else "", rollout.champion if rollout else ""
        request_id = ledger.read_model_version(conn, model, version).request_id if version else ""
    notebook = _sha256_of_notebook(at, request_id) if version else ""
    names = {"dataVersion": data, "modelVersion": version, "notebookSha256": notebook, "requestId": request_id}
    return {name: value for name, value in names.items() if value}


def _sha256_of_notebook(at: Workspace, request_id: str | None) -> str:
    executed = at.settings.runs / str(request_id) / "train.ipynb"
    return sha256(executed.read_bytes()).hexdigest() if executed.exists() else ""
