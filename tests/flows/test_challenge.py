"""A research run before the gate of the automatic retrainings, and the papers each version carries."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from evergreen.adapters.database import decisions, ledger, reading, requests, trials
from evergreen.adapters.models.folder import read_manifest, read_model_folder, read_run_id, write_model_folder
from evergreen.adapters.notebooks.papermill import run_notebook
from evergreen.core.model.training import TrainingConfig, train
from evergreen.errors import BadInput, BadSetting, NotFound, Refused
from evergreen.workspace import Workspace

pytestmark = pytest.mark.xdist_group("lived")
MODEL = "evergreen"
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "train.ipynb"
SMALL = TrainingConfig(folds=3, test_size=63, rounds=10, learning_rate=0.1)


@pytest.fixture
def rows(copied: Workspace) -> pd.DataFrame:
    """The training set of the version that serves."""
    with reading(copied.engine) as conn:
        request_id = ledger.read_model_version(conn, MODEL, "2").request_id
    return pd.read_parquet(copied.settings.runs / str(request_id) / "training_set.parquet")


def _logged(at: Workspace, rows: pd.DataFrame, folder: Path) -> str:
    write_model_folder(train(rows, SMALL, chosen_from=4), folder, "2008-06-30", "research")
    return at.tracking.log_training(folder, SMALL.as_dict(), {}, "research")


def _ask(run_id: str, at: Workspace) -> str:
    from flows.retrain import retrain

    retrain(run_id=run_id, reason="a test")
    with reading(at.engine) as conn:
        return requests.recent(conn, MODEL)[0].id


def _artifacts(at: Workspace, run_id: str, folder: str) -> set[str]:
    from mlflow import MlflowClient

    return {each.path for each in MlflowClient(at.tracking.uri).list_artifacts(run_id, folder)}


def test_challenge__a_research_run_is_judged_counted_with_what_it_was_chosen_from_and_documented(
    copied, rows, tmp_path
) -> None:
    from flows.retrain import retrain

    with reading(copied.engine) as conn:
        before = trials.recipes(conn, MODEL)
    run_id = _logged(copied, rows, tmp_path / "mine")
    became = retrain(_ask(run_id, copied))
    with reading(copied.engine) as conn:
        (judged,) = [decision for decision in decisions.of(conn, "3") if decision.kind == "gate"]
        assert len(trials.recipes(conn, MODEL)) == len(before) + 4
        assert ledger.read_model_version(conn, MODEL, "3").run_id == run_id
        finished = requests.recent(conn, MODEL)[0]
    assert "version 3" in became and "admitted" in judged.summary.lower()
    assert (finished.state, finished.cause) == ("done", f"challenge by run {run_id}")
    assert "model_card/model_card.md" in _artifacts(copied, run_id, "model_card")


def test_retrain__by_hand_trains_what_was_chosen(copied) -> None:
    from flows.retrain import retrain

    assert "on its way" in retrain(reason="another learner", learner="ridge", folds=3, seed=11)
    with reading(copied.engine) as conn:
        request = requests.recent(conn, MODEL)[0]
    retrain(request.id)
    with reading(copied.engine) as conn:
        assert ledger.read_model_version(conn, MODEL, "3").kind == "ridge"
        assert [row.kind for row in decisions.of(conn, "3")].count("gate") == 1
    manifest = read_manifest(copied.model_folder("3"))
    assert (manifest.kind, manifest.seed, manifest.metrics["sessions"]) == ("ridge", 11, 3 * 63)
    assert manifest.metrics["exposure_momentum"] is not None  # the flow brings bars and the champion's record
    assert "beyond_champion" in manifest.metrics and manifest.target == "return"


def test_retrain__an_unknown_learner_is_refused_before_anything_is_written(copied) -> None:
    from flows.retrain import retrain

    with pytest.raises(BadSetting, match="no learner 'forest'"):
        retrain(reason="a try", learner="forest")
    with reading(copied.engine) as conn:
        assert len(requests.recent(conn, MODEL)) == 1


def test_challenge__outcomes_of_another_market_are_refused(copied, rows, tmp_path) -> None:
    from flows.retrain import retrain

    run_id = _logged(copied, rows.assign(label=rows["label"] * 1.01), tmp_path / "mine")
    request_id = _ask(run_id, copied)
    with pytest.raises(Refused, match="outcomes are not those of the bar store"):
        retrain(request_id)
    with reading(copied.engine) as conn:
        assert requests.read(conn, request_id).state == "failed"
        assert len(ledger.model_versions(conn, MODEL)) == 2


def test_notebook__on_the_bars_stored_here_another_target_is_research_and_cannot_answer_clients(
    copied, tmp_path
) -> None:
    from flows.retrain import retrain

    with reading(copied.engine) as conn:
        stored = ledger.data_versions(conn, 1)[0]
    given = {"source": "", "data_version": stored.id, "as_of": stored.as_of, "tickers": [], "target": "rank"}
    given |= {"learner": "ridge", "folds": 3, "min_train": 1000, "output": str(tmp_path / "mine")}
    executed = run_notebook(NOTEBOOK, given, tmp_path / "executed.ipynb", timeout=500)
    model = read_model_folder(tmp_path / "mine")
    assert (model.manifest.target, set(model.oos["ticker"])) == ("rank", {"AAPL", "IBM", "MSFT", "GOOG"})
    assert model.oos["label"].abs().max() <= 0.5 and model.oos["session"].max() > pd.Timestamp("2008-06-01")
    assert "mase" not in model.manifest.metrics and model.manifest.metrics["exposure_momentum"] is not None
    assert "a chance order" in executed.read_text() and not (tmp_path / "mine" / "figures" / "earned.png").exists()
    with pytest.raises(BadInput, match="a model of rank over 1 session cannot be compared with it"):
        retrain(run_id=read_run_id(tmp_path / "mine"))
    with pytest.raises(NotFound, match="no-such-run"):
        retrain(run_id="no-such-run")
    with reading(copied.engine) as conn:
        assert len(requests.recent(conn, MODEL)) == 1


def test_model_card__lies_with_the_model_and_its_notebook_in_mlflow(copied) -> None:
    with reading(copied.engine) as conn:
        run_id = ledger.read_model_version(conn, MODEL, "2").run_id
    papers = {"model_card/model_card.md", "model_card/model_card.html", "model_card/sbom.cdx.json"}
    assert _artifacts(copied, run_id, "model_card") == papers
    assert _artifacts(copied, run_id, "notebook") == {"notebook/train.ipynb", "notebook/train.html"}
    card = next(copied.settings.runs.glob("*/model_card/model_card.md")).read_text()
    assert (
        "Look-ahead audit: No look-ahead in 158 features" in card
        and "| sessions added | `2000-03-01 to 2008-06-30` |" in card
    )
    why = copied.tracking._client.get_model_version(MODEL, "2").description
    assert why.startswith("**bootstrap**") and "Admitted to canary." in why
