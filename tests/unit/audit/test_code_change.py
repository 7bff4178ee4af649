"""What a pull request is told about the model it makes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from evergreen.adapters.models.folder import write_model_folder
from evergreen.audit.code_change import compare_folders, rehearse
from evergreen.core.model.training import Training
from tests.unit.conftest import SMALL


@pytest.fixture
def base(small_training: Training, tmp_path: Path) -> Path:
    return write_model_folder(small_training, tmp_path / "base", "2015-12-30", "d1")


def test_compare__same_model_is_said_to_be_the_same(base: Path, tmp_path: Path) -> None:
    changed = Path(shutil.copytree(base, tmp_path / "changed"))
    report = compare_folders(base, changed, tmp_path / "report" / "comparison.md")
    assert "Nothing: both train the same model, byte for byte" in report
    assert (tmp_path / "report" / "comparison.md").read_text() == report


def test_compare__another_model_is_judged_with_table_picture_and_chart(
    base: Path,
    small_training_set: pd.DataFrame,
    tmp_path: Path,
) -> None:
    from evergreen.core.model.training import train

    other = train(small_training_set, replace(SMALL, learning_rate=0.3, rounds=40))
    changed = write_model_folder(other, tmp_path / "changed", "2015-12-30", "d1")
    report = compare_folders(base, changed, tmp_path / "comparison.md")
    metrics = json.loads((changed / "metrics.json").read_text())["metrics"]
    assert f"{metrics['rank_ic']:.4f} |" in report
    assert "**Gate.** " in report and "```mermaid\nxychart-beta" in report
    assert (tmp_path / "duel.png").stat().st_size > 10_000


@pytest.mark.slow
def test_rehearse__runs_the_training_notebook_on_the_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERGREEN_HOME", str(tmp_path / "home"))
    output = rehearse(tmp_path / "model")
    assert {"model.txt", "oos.parquet", "train.ipynb"} <= {path.name for path in output.iterdir()}
