"""A model fitted elsewhere, from a file through gate, canary and service back to the same bits."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from evergreen.adapters.database import decisions, ledger, reading, requests, rollouts
from evergreen.adapters.database.decisions import Decision
from evergreen.adapters.models.folder import read_manifest, read_oos
from evergreen.audit.explain import explain
from evergreen.audit.reproduce import reproduce
from evergreen.errors import BadInput, ModelRefused, UnreadableFile
from evergreen.research.given_models import log_model_file
from evergreen.workspace import Workspace
from tests.flows.test_reproduction import served
from tests.test_documented_blocks import blocks
from tests.unit.core.model.elsewhere import ridge

pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.xdist_group("lived")
MODEL = "evergreen"
SHOWN, THROUGH = "2016-12-30", "2005-06-30"  # on the page, and of the bars here


@pytest.fixture
def file(copied: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ridge on the factors up to `THROUGH`, fitted and written as docs/models-from-elsewhere.md shows."""
    example, command, *_ = blocks("docs/models-from-elsewhere.md")
    assert f"--trained-through {SHOWN}" in command and SHOWN in example
    monkeypatch.chdir(tmp_path)
    exec(example.replace(SHOWN, THROUGH), {"model": ridge()})
    return tmp_path / "mine.onnx"


def _challenge(at: Workspace, run_id: str) -> str:
    from flows.retrain import retrain

    retrain(run_id=run_id, reason="a file")
    with reading(at.engine) as conn:
        (request,) = [each for each in requests.recent(conn, MODEL) if each.evidence.get("run_id") == run_id]
    return retrain(request.id)


def test_model_file__is_judged_on_later_sessions_served_explained_and_reproduced(copied: Workspace, file: Path) -> None:
    became = _challenge(copied, log_model_file(copied, file, THROUGH, 1, 2))
    manifest, record = read_manifest(copied.model_folder("3")), read_oos(copied.model_folder("3"))
    assert "version 3" in became
    assert (manifest.kind, manifest.trained_through) == ("onnx", THROUGH)
    assert record["session"].min() > pd.Timestamp(THROUGH) and record["session"].nunique() > 700
    with reading(copied.engine) as conn:
        assert ledger.read_model_version(conn, MODEL, "3").kind == "onnx"
        (gate,) = [each for each in decisions.of(conn, "3") if each.kind == "gate"]
        rollout = rollouts.current(conn, MODEL)
    assert gate.evidence["place"]["number"] == 3  # after the recipe of the champion, of two that were tried
    _serve(copied, rollout)
    prediction = served(copied)
    assert prediction.version == "3"
    assert [each for each in reproduce(copied, prediction.id) if not each.same] == []
    assert dict(explain(copied, prediction.id))["model"].startswith("version 3 (onnx), sha256 ")


def _serve(at: Workspace, rollout: rollouts.Rollout) -> None:
    """Version 3 as champion, whatever the gate said of it."""
    why = Decision(
        at=rollout.updated_at, model=MODEL, kind="promote", as_of="2008-07-07", subject="3", summary="for the test"
    )
    rollouts.change(at.engine, rollout, why, **rollouts.steady(rollout, "3", "2008-07-07"))


def test_model_file__what_cannot_be_judged_is_one_sentence(copied: Workspace, file: Path, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="cannot be read"):
        log_model_file(copied, tmp_path / "none.onnx", THROUGH, 1, 1)
    with pytest.raises(BadInput, match="'soon' is no date"):
        log_model_file(copied, file, "soon", 1, 1)
    with pytest.raises(BadInput, match="sessions with an outcome came after 2008-06-25"):
        log_model_file(copied, file, "2008-06-25", 1, 1)
    (tmp_path / "odd.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelRefused, match="the graph cannot be computed"):
        log_model_file(copied, tmp_path / "odd.onnx", THROUGH, 1, 1)
