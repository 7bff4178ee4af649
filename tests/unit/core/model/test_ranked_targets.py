from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from evergreen.core.dataset.panel import labelled_panel
from evergreen.core.model.breadth import BROAD, BROAD_FROM, suited
from evergreen.core.model.fitting import TrainingConfig, fit_booster
from evergreen.core.model.ranked_targets import normal_ranks, return_per_score, winsorized
from evergreen.core.model.training import train
from tests.unit.core.conftest import made_training_set

RANKED = {"ranked": True}


@pytest.fixture(scope="module")
def broad_set():
    """Sixty tickers that share a market move ten times as large as what tells them apart."""
    rows = made_training_set(signal=0.3, tickers=60, sessions=330)
    move = pd.Series(np.random.default_rng(1).normal(0.0, 0.05, 330), index=np.sort(rows["session"].unique()))
    return rows.assign(label=rows["label"] + rows["session"].map(move))


def test_normal_ranks__each_session_alone_without_its_common_move(broad_set):
    scores = normal_ranks(labelled_panel(broad_set))
    moved = broad_set.assign(label=broad_set["label"] + broad_set["session"].dt.day * 0.01)
    assert np.allclose(scores.reshape(-1, 60).mean(axis=1), 0.0)
    assert np.array_equal(normal_ranks(labelled_panel(moved)), scores)
    assert np.array_equal(normal_ranks(labelled_panel(broad_set.iloc[: 60 * 100])), scores[: 60 * 100])


def test_normal_ranks__a_session_of_one_ticker_says_nothing():
    rows = made_training_set(signal=0.0, tickers=1, sessions=30)
    assert (normal_ranks(labelled_panel(rows)) == 0.0).all()
    assert return_per_score(np.zeros(3), np.ones(3)) == 0.0


def test_winsorized__moves_what_lies_beyond_its_quantiles():
    label = np.arange(101.0)
    assert (winsorized(label, 0.1).min(), winsorized(label, 0.1).max()) == (10.0, 90.0)
    assert winsorized(label, 0.0) is label


def test_train__ranked_forecasts_are_returns_that_can_be_taken_at_their_word(broad_set, small_config):
    oos = train(broad_set, replace(small_config, **RANKED)).oos
    excess = oos["label"] - oos.groupby("session")["label"].transform("mean")
    slope = float(oos["forecast"] @ excess / (oos["forecast"] @ oos["forecast"]))
    assert 0.7 < slope < 1.5
    assert oos["label"].between(oos["lower"], oos["upper"]).mean() == pytest.approx(0.90, abs=0.04)


def test_train__ranks_find_what_a_common_move_drowns(broad_set, small_config):
    plain = train(broad_set, small_config).metrics["rank_ic"]
    ranked = train(broad_set, replace(small_config, **RANKED)).metrics["rank_ic"]
    assert ranked > plain + 0.01


def test_train__a_ranked_fit_looks_at_no_session_after_the_window(broad_set, small_config):
    config = replace(small_config, **RANKED)
    panel = labelled_panel(broad_set)
    cut = labelled_panel(broad_set[broad_set["session"] < panel.sessions[250]])
    whole, alone = (fit_booster(each, 250, config).model.to_bytes() for each in (panel, cut))
    assert whole == alone


def test_train__without_patience_every_fold_has_the_rounds_asked_for(broad_set, small_config):
    config = replace(small_config, **RANKED, patience=0, rounds=12)
    panel, training = labelled_panel(broad_set), train(broad_set, config)
    assert set(training.folds["rounds"]) == {12} and training.metrics["rounds"] == 12
    fit = fit_booster(panel, 250, config)
    assert fit.model.booster.num_trees() == 12
    assert np.array_equal(fit.tail_residuals, panel.label[panel.rows(fit.tail_start, 250)])


def test_suited__ranks_are_for_many_tickers():
    assert suited(BROAD_FROM - 1) == suited(BROAD_FROM, by_order=False) == {}
    assert TrainingConfig(**suited(BROAD_FROM)) == TrainingConfig(**BROAD)
