"""The deployment that walks policies side by side: a folder of results, a run in MLflow, an artifact."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import enter
from tests.prefect_records import artifacts

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("both_ways")]


def test_replay_policies__leaves_its_results_its_runs_and_its_artifact(
    prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    from evergreen.adapters.mlflow.replays import EXPERIMENT
    from flows.replay_policies import replay_policies

    (tmp_path / "own.toml").write_text(
        '[weekly]\ntrigger.causes = ["calendar"]\ntrigger.every = 5\ngate = false\ncanary = false\n'
    )
    monkeypatch.setenv("EVERGREEN_POLICIES", str(tmp_path / "own.toml"))
    at = enter(tmp_path / "home", monkeypatch)
    bars = "simulated:tickers=3,seed=7,years=4.6"
    folder = Path(
        replay_policies(bars, date(2004, 6, 21), date(2004, 7, 23), ["never", "calendar:20", "weekly"], name="three")
    )
    assert folder == at.settings.home.resolve() / "replays" / "three"
    assert {each.name for each in folder.iterdir()} >= {
        "report.html",
        "summary.json",
        "sessions.parquet",
        "decisions.parquet",
    }
    decided = pd.read_parquet(folder / "decisions.parquet").groupby("policy")["kind"].agg(list)
    assert decided["weekly"].count("retrain_requested") == 4
    assert "retrain_requested" in decided["calendar:20"] and "retrain_requested" not in decided["never"]
    mlflow = MlflowClient(at.settings.mlflow)
    experiment = mlflow.get_experiment_by_name(EXPERIMENT)
    names = {run.info.run_name for run in mlflow.search_runs([experiment.experiment_id])}
    assert names == {"2004-06-21 to 2004-07-23", "never", "calendar:20", "weekly"}
    shown = [each for each in artifacts("replay-policies") if each.type == "markdown"]
    assert len(shown) == 1 and "calendar:20" in str(shown[0].data)
