"""What flow runs tell of themselves in OpenLineage's words."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from evergreen.adapters.database import ledger, reading, requests, rollouts
from evergreen.errors import EvergreenError
from evergreen.ops.lineage import lineage_of
from evergreen.workspace import Workspace
from tests.conftest import enter
from tests.published_lineage import published

pytestmark = pytest.mark.xdist_group("lived")


@pytest.fixture
def file(copied: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the events of this copy's flows go."""
    monkeypatch.setenv("EVERGREEN_LINEAGE", str(tmp_path / "events.jsonl"))
    enter(copied.settings.home, monkeypatch)
    return tmp_path / "events.jsonl"


def events(file: Path) -> list[dict[str, Any]]:
    """The events of a file, each read by the classes of the published schema."""
    read = [json.loads(line) for line in file.read_text().splitlines()]
    for event in read:
        published(event)
    return read


def test_run__tells_its_start_and_its_end_with_datasets_and_versions(copied: Workspace, file: Path) -> None:
    from flows.canary import canary

    canary()
    started, ended = events(file)
    assert (started["eventType"], ended["eventType"]) == ("START", "COMPLETE")
    assert started["run"]["runId"] == ended["run"]["runId"] and ended["job"]["name"] == "canary"
    with reading(copied.engine) as conn:
        champion = rollouts.current(conn, "evergreen").champion
        data = ledger.data_versions(conn, limit=1)[0].id
    provenance = ended["run"]["facets"]["evergreen_provenance"]
    assert (provenance["modelVersion"], provenance["dataVersion"]) == (champion, data)
    assert [dataset["name"] for dataset in ended["inputs"]] == ["model", "forecasts"]


def test_run__a_failure_is_told_in_the_words_meant_for_a_person(copied: Workspace, file: Path, tmp_path: Path) -> None:
    from flows.daily import daily

    with pytest.raises(EvergreenError) as failure:
        daily(f"files:{tmp_path / 'secret-folder'}")
    started, ended = events(file)
    assert ended["eventType"] == "FAIL"
    assert ended["run"]["facets"]["errorMessage"]["message"] == str(failure.value)
    assert [dataset["name"] for dataset in started["inputs"]] == ["source/files", "model"]


def test_run__goes_on_where_nobody_takes_its_events(copied: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.canary import canary

    monkeypatch.setenv("EVERGREEN_LINEAGE", "http://127.0.0.1:9/api/v1/lineage")
    enter(copied.settings.home, monkeypatch)
    assert canary()


def test_lineage__of_a_retraining_names_its_notebook_its_data_and_what_it_made(copied: Workspace) -> None:
    with reading(copied.engine) as conn:
        (request,) = requests.recent(conn, "evergreen")
    lineage = lineage_of(copied, "retrain", {"request_id": request.id})
    executed = copied.settings.runs / request.id / "train.ipynb"
    assert lineage.provenance == {
        "dataVersion": request.data_version,
        "modelVersion": "2",
        "notebookSha256": sha256(executed.read_bytes()).hexdigest(),
        "requestId": request.id,
    }
    assert [(each.name, each.version) for each in lineage.inputs] == [("bars", request.data_version), ("features", "")]
    assert [(each.name, each.version) for each in lineage.outputs] == [("model", "2")]


def test_lineage__tells_of_a_source_only_its_kind(copied: Workspace) -> None:
    lineage = lineage_of(copied, "backfill", {"source": "sql:postgresql://me:secret@host/db select * from bars"})
    assert [each.name for each in lineage.inputs] == ["source/sql"]
