"""A search leaves a parent run with a child for each candidate, each of which knows how many were tried."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient

from evergreen.adapters.mlflow.tracking import Tracking
from evergreen.adapters.models.folder import read_manifest
from evergreen.errors import BadInput
from evergreen.research import panel
from evergreen.research.search import search

SMALL = {"folds": 2, "test_size": 40, "min_train": 200}
TWO = [{"learner": "ridge"}, {"learner": "ridge", "ridge_penalty": 5.0}]


def test_search__each_candidate_is_a_child_run_that_counts_all(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("EVERGREEN_HOME", str(tmp_path / "home"))
    data = panel("sample", as_of="2002-06-28", tickers=["AAPL", "IBM"])
    tracking = Tracking(f"sqlite:///{tmp_path / 'mlflow.db'}")
    compared = search(data, TWO, tracking, tmp_path / "runs", "2002-06-28", choices=SMALL)
    client = MlflowClient(tracking.uri)
    runs = [client.get_run(run) for run in compared["run"]]
    (parent,) = {run.data.tags["mlflow.parentRunId"] for run in runs}
    assert client.get_run(parent).info.status == "FINISHED"
    assert sorted(float(run.data.params["ridge_penalty"]) for run in runs) == [0.1, 5.0]
    assert [read_manifest(tmp_path / "runs" / str(n)).metrics["configurations"] for n in (1, 2)] == [2.0, 2.0]
    assert compared["rank_ic"].is_monotonic_decreasing and (compared["sessions"] == 80).all()
    with pytest.raises(BadInput, match="depth cannot be chosen"):
        search(data, [{"depth": 3}], tracking, tmp_path / "runs", "2002-06-28")
    with pytest.raises(BadInput, match="without candidates"):
        search(data, [], tracking, tmp_path / "runs", "2002-06-28")
