"""What is left of a training whose notebook failed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from prefect import flow

from evergreen.adapters.database.requests import RetrainRequest
from evergreen.core.model.choices import TrainingChoices
from evergreen.errors import NotebookFailed
from tasks.training import TrainingSet, notebook_parameters, run_training_notebook
from tests.conftest import enter
from tests.prefect_records import artifacts

pytestmark = pytest.mark.slow

REQUEST = RetrainRequest(
    id="r1",
    key="k",
    model="evergreen",
    cause="test",
    as_of="2008-01-08",
    data_version="d1",
    created_at=datetime(2008, 1, 9, tzinfo=UTC),
)


def unlabelled(path: Path) -> TrainingSet:
    """A training set that no model can be fitted on: not one label is known yet."""
    sessions = pd.bdate_range("2008-01-02", periods=5).as_unit("us")
    frame = pd.DataFrame({"ticker": "A", "session": sessions, "F1": np.float32(0.0), "label": np.nan})
    frame.to_parquet(path, index=False)
    return TrainingSet(path, "d1", "2008-01-08", len(frame), "0" * 64)


def test_run_training_notebook__a_failing_cell_is_shown_with_source_and_traceback(
    prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(tmp_path / "home", monkeypatch)
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "mpl"))
    training_set = unlabelled(tmp_path / "set.parquet")

    @flow
    def failing() -> None:
        run_training_notebook(REQUEST, training_set, TrainingChoices())

    before = {each.id for each in artifacts("failed-cell")}
    with pytest.raises(NotebookFailed, match="no row of the training set has a label") as caught:
        failing()
    (shown,) = [each.data for each in artifacts("failed-cell") if each.id not in before]
    assert "train.ipynb failed: BadInput" in shown
    assert "training = train(rows, config" in shown and "Traceback" in shown
    assert str(caught.value.executed) in shown and caught.value.executed.is_file()


@pytest.mark.parametrize(
    ("champion", "tickers", "learner"),
    [
        (None, 4, None),
        (None, 60, "averaged_lightgbm"),
        ("random_walk", 60, "averaged_lightgbm"),
        ("onnx", 60, "averaged_lightgbm"),
        ("lightgbm", 60, "lightgbm"),
        ("averaged_lightgbm", 4, "averaged_lightgbm"),
        ("ridge", 60, "ridge"),
    ],
)
def test_notebook_parameters__a_champion_is_renewed_by_its_own_learner(
    champion: str | None, tickers: int, learner: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(tmp_path / "home", monkeypatch)
    serving = None if champion is None else SimpleNamespace(kind=champion)
    monkeypatch.setattr("evergreen.research.retrainings.serving_manifest", lambda at: serving)
    path = tmp_path / "set.parquet"
    pd.DataFrame({"ticker": [f"T{number}" for number in range(tickers)]}).to_parquet(path)
    training_set = TrainingSet(path, "d1", "2008-01-08", tickers, "0" * 64)
    assert notebook_parameters(REQUEST, training_set, tmp_path, "return").get("learner") == learner


def test_notebook_parameters__have_the_threads_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERGREEN_TRAINING_THREADS", "3")
    enter(tmp_path / "home", monkeypatch)
    monkeypatch.setattr("evergreen.research.retrainings.serving_manifest", lambda at: None)
    path = tmp_path / "set.parquet"
    pd.DataFrame({"ticker": ["A"]}).to_parquet(path)
    training_set = TrainingSet(path, "d1", "2008-01-08", 1, "0" * 64)
    assert notebook_parameters(REQUEST, training_set, tmp_path, "return")["num_threads"] == 3
