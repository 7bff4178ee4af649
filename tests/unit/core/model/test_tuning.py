from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evergreen.core.model.training import train
from evergreen.core.model.tuning import tune
from evergreen.errors import BadInput


@pytest.fixture(scope="module")
def config(small_config):
    return replace(small_config, folds=2, validation_size=40, min_train=250, rounds=20, learning_rate=0.19)


def test_tune__looks_at_no_session_the_record_is_judged_on(training_set, config):
    tuned = tune(training_set, config, budget=3, inner_folds=2)
    start = train(training_set, config).folds["test_start"][0]
    changed = training_set.copy()
    later = changed["session"] >= start
    changed.loc[later, "label"] = -9.0 * changed.loc[later, "label"]
    changed.loc[later, "F0"] = np.float32(0.0)
    again = tune(changed, config, budget=3, inner_folds=2)
    assert again.config == tuned.config and again.tried.equals(tuned.tried)


def test_tune__counts_what_it_tried_and_begins_with_what_it_was_given(training_set, config):
    tuned = tune(training_set, config, budget=4, inner_folds=2)
    assert len(tuned.tried) == 4
    assert tuned.tried.iloc[0]["learning_rate"] == config.learning_rate
    assert tuned.tried["loss"].min() <= tuned.tried.iloc[0]["loss"]
    best = tuned.tried.loc[tuned.tried["loss"].idxmin()]
    assert tuned.config.num_leaves == best["num_leaves"] and tuned.config.seed == config.seed


def test_tune__finds_the_same_however_many_fits_are_made_at_a_time(training_set, config):
    one, four = (tune(training_set, replace(config, num_threads=each), 3, inner_folds=2) for each in (1, 4))
    assert one.tried.equals(four.tried)
    assert replace(one.config, num_threads=4) == four.config


def test_tune__of_a_mean_searches_what_one_member_is_fitted_with(training_set, config):
    single, mean = (
        tune(training_set, replace(config, learner=name), budget=2, inner_folds=2)
        for name in ("lightgbm", "averaged_lightgbm")
    )
    assert mean.tried.equals(single.tried) and mean.config == replace(single.config, learner="averaged_lightgbm")


def test_tune__without_a_budget_or_sessions_is_refused(training_set, config):
    with pytest.raises(BadInput, match="tries nothing"):
        tune(training_set, config, budget=0)
    with pytest.raises(BadInput, match="labelled sessions leave"):
        tune(training_set, config, budget=1, inner_folds=7)
