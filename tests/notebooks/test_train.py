from __future__ import annotations

import ast
import json
from dataclasses import asdict, replace
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

from evergreen.adapters.mlflow.tracking import Tracking
from evergreen.adapters.models.folder import read_model_folder, sha256s
from evergreen.adapters.notebooks.papermill import run_notebook
from evergreen.adapters.notebooks.parameters import read_parameters
from evergreen.core.model.training import TrainingConfig, train, training_frame

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "train.ipynb"
SMALL = {"folds": 2, "test_size": 40, "min_train": 100, "rounds": 20, "learning_rate": 0.1}
FIGURES = {"skill.png", "intervals.png", "forecasts.png", "importances.png", "earned.png"}


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("EVERGREEN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "mpl"))
    return tmp_path / "home"


def made_training_set() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    index = pd.MultiIndex.from_product(
        [["A", "B", "C"], pd.bdate_range("2005-01-03", periods=420).as_unit("us")],
        names=["ticker", "session"],
    )
    names = [f"F{i}" for i in range(10)]
    features = pd.DataFrame(rng.normal(size=(len(index), 10)).astype(np.float32), index=index, columns=names)
    labels = 0.02 * (0.2 * features["F1"].astype(float) + rng.standard_t(5, len(index)))
    return training_frame(features, labels)


def test_notebook__is_committed_without_outputs_and_defines_nothing():
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None
            defined = [type(node) for node in ast.walk(ast.parse(cell.source))]
            assert not {ast.FunctionDef, ast.ClassDef, ast.Lambda} & set(defined)


def test_notebook__defaults_are_those_of_the_training_config():
    parameters, defaults = read_parameters(NOTEBOOK), asdict(TrainingConfig())
    shared = parameters.keys() & defaults.keys()
    assert len(shared) == 16
    assert {name: parameters[name] for name in shared} == {name: defaults[name] for name in shared}


def test_notebook__through_papermill_gives_what_the_library_gives(home, tmp_path):
    rows = made_training_set()
    rows.to_parquet(tmp_path / "set.parquet")
    given = {"training_set": str(tmp_path / "set.parquet"), "as_of": "2006-08-11", "data_version": "d1"}
    given |= {"output": str(tmp_path / "run"), "request_id": "r1", "run_name": "test"}
    executed = run_notebook(NOTEBOOK, given | SMALL, tmp_path / "executed.ipynb", timeout=200)
    model = read_model_folder(tmp_path / "run")
    direct = train(rows, replace(TrainingConfig(), **SMALL))
    assert model.manifest == direct.manifest("2006-08-11", "d1")
    assert {each.name for each in (tmp_path / "run" / "figures").iterdir()} == FIGURES
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["sha256s"] == sha256s(tmp_path / "run")
    assert Tracking(f"sqlite:///{home / 'mlflow.db'}").find_run("r1") == record["run_id"]
    assert "over the random walk" in executed.read_text()
