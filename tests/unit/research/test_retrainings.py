"""What cannot be trained is said to whoever asks for it, when they ask."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from evergreen.cli import main
from evergreen.core.model.aim import Aim
from evergreen.core.model.choices import TrainingChoices
from evergreen.errors import BadInput, EvergreenError, Refused
from evergreen.research.retrainings import is_told_here, require_askable, require_same_aim, usual_aim
from evergreen.workspace import Workspace
from tests.conftest import enter
from tests.service.world import ready_world


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A home whose champion is a booster that forecasts the next return; few sessions are stored."""
    return enter(ready_world(tmp_path / "home", challenger=False).settings.home, monkeypatch)


def served_by_random_walk(at: Workspace, horizon: int) -> None:
    file = at.model_folder("1") / "manifest.json"
    changed = file.read_text().replace('"kind":"lightgbm"', '"kind":"random_walk"')
    file.write_text(changed.replace('"horizon":1', f'"horizon":{horizon}'))


def test_require_same_aim__a_champion_is_followed_by_its_own_and_the_random_walk_at_any_horizon(at) -> None:
    require_same_aim(at, Aim("return", 1))
    assert usual_aim(at) == Aim("return", 1) and usual_aim(at, "rank", 5) == Aim("rank", 5)
    with pytest.raises(BadInput, match="forecasts return over 1 session, a model of rank over 1 session cannot be"):
        require_same_aim(at, Aim("rank", 1))
    with pytest.raises(BadInput, match="a model of return over 5 sessions"):
        require_same_aim(at, Aim("return", 5))
    served_by_random_walk(at, horizon=5)
    require_same_aim(at, Aim("return", 20))
    with pytest.raises(BadInput, match="a model of rank over"):
        require_same_aim(at, Aim("rank", 5))
    assert usual_aim(at).horizon == 5, "by default the champion's"


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        (TrainingChoices(learner="forest"), "no learner 'forest' is registered"),
        (TrainingChoices(target="profit"), "no target 'profit' is registered"),
        (TrainingChoices(target="rank"), "a model of rank over 1 session cannot be compared"),
        (TrainingChoices(horizon=0), "horizon, folds, test_size, min_train and validation_size count from 1"),
        (TrainingChoices(folds=0), "count from 1"),
        (TrainingChoices(seed=2**40), "the seed 1099511627776 is none"),
        (TrainingChoices(learner="ridge", tuning_budget=3), "a search knows the parameters of lightgbm, not of ridge"),
        (TrainingChoices(), r"A training needs 633 sessions, \d+ are stored up to"),
    ],
)
def test_require_askable__what_cannot_end_well_is_one_sentence(choices, sentence, at) -> None:
    with pytest.raises(EvergreenError, match=sentence):
        require_askable(at, choices)


def test_usual_aim__the_first_model_of_a_home_has_the_horizon_of_its_settings(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("EVERGREEN_HORIZON", "5")
    opened = enter(tmp_path / "own", monkeypatch)
    assert usual_aim(opened) == Aim("return", 5) and usual_aim(opened, "rank", 20) == Aim("rank", 20)


def test_require_askable__more_sessions_ahead_than_are_stored_is_told_before_anything_runs(at) -> None:
    served_by_random_walk(at, horizon=5)
    with pytest.raises(Refused, match=r"A training needs 2631 sessions, \d+ are stored"):
        require_askable(at, TrainingChoices(horizon=1000))


def test_is_told_here__a_client_without_a_copy_of_the_champion_asks_the_server_as_before(at) -> None:
    assert is_told_here(at)
    at.model_folder("1").rename(at.model_folder("1").with_name("elsewhere"))
    assert not is_told_here(at)


@pytest.mark.parametrize("words", ["--learner forest", "--target profit", "--seed 1099511627776", "--horizon 5"])
def test_retrain__is_answered_when_it_is_typed(words, at, monkeypatch, capsys) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")  # nobody answers there, and nobody is asked
    monkeypatch.setattr(sys, "argv", ["evergreen", "retrain", "--reason", "a try", *words.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code and "did not answer" not in capsys.readouterr().err
