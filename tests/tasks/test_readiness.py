"""What a training needs is looked at before it starts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient

from evergreen.adapters.bars import SampleSource
from evergreen.adapters.database.requests import RetrainRequest
from evergreen.core.model.choices import TrainingChoices
from evergreen.errors import Refused, Unavailable
from evergreen.workspace import Workspace
from tasks import readiness
from tasks.readiness import require_trainable
from tests.conftest import enter

NOW = datetime(2008, 7, 1, tzinfo=UTC)


def request(as_of: str = "2008-06-30", **evidence: str) -> RetrainRequest:
    return RetrainRequest(
        id="r1", key="k", model="evergreen", cause="test", as_of=as_of, data_version="d1", created_at=NOW,
        evidence=evidence,
    )  # fmt: skip


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A home with four and a half years of two tickers."""
    opened = enter(tmp_path / "home", monkeypatch)
    bars = SampleSource().fetch(["AAPL", "IBM"], pd.Timestamp("2004-01-02"), pd.Timestamp("2008-06-30"))
    opened.bars.append(bars, pd.Timestamp(NOW), "sample", assumed=True)
    return opened


def test_require_trainable__passes_where_nothing_is_missing(at: Workspace) -> None:
    require_trainable.fn(request(), TrainingChoices(horizon=1))


def test_require_trainable__a_deleted_experiment_is_told_with_how_to_bring_it_back(at: Workspace) -> None:
    require_trainable.fn(request(), TrainingChoices(horizon=1))
    client = MlflowClient(at.tracking.uri)
    (experiment,) = [each for each in client.search_experiments() if each.name == at.tracking.experiment]
    client.delete_experiment(experiment.experiment_id)
    with pytest.raises(Refused, match=f"mlflow experiments restore --experiment-id {experiment.experiment_id}"):
        require_trainable.fn(request(), TrainingChoices(horizon=1))
    client.restore_experiment(experiment.experiment_id)
    require_trainable.fn(request(), TrainingChoices(horizon=1))


def test_require_trainable__a_registry_that_does_not_answer_may_heal(
    at: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERGREEN_MLFLOW_URI", "http://127.0.0.1:9")
    enter(at.settings.home, monkeypatch)
    with pytest.raises(Unavailable, match="did not answer"):
        require_trainable.fn(request(), TrainingChoices(horizon=1))


def test_require_trainable__a_disk_too_full_for_the_training_set_is_told(
    at: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "SPARE", 10**18)
    with pytest.raises(Refused, match=r"A training on \d+ bars needs 1000000000.0 GB, .* has \d"):
        require_trainable.fn(request(), TrainingChoices(horizon=1))


def test_require_trainable__too_short_a_history_is_told_but_not_of_a_finished_run(at: Workspace) -> None:
    with pytest.raises(Refused, match=r"A training needs 633 sessions, 251 are stored up to 2004-12-30"):
        require_trainable.fn(request("2004-12-30"), TrainingChoices())
    require_trainable.fn(request("2004-12-30", run_id="abc"), TrainingChoices())
