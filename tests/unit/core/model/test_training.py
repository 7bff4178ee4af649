from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from evergreen.core.bars.session import iso
from evergreen.core.dataset.panel import labelled_panel
from evergreen.core.evaluation.metrics import rank_ic
from evergreen.core.model.fitting import fit_before, fit_booster
from evergreen.core.model.given import Given
from evergreen.core.model.lightgbm_datasets import Datasets
from evergreen.core.model.protocol import forecast
from evergreen.core.model.random_walk import RandomWalk
from evergreen.core.model.registry import read_model
from evergreen.core.model.training import (
    TrainingConfig,
    train,
    train_random_walk,
    training_frame,
    training_set_sha256,
)
from evergreen.core.model.verified import sha256
from evergreen.errors import BadInput


@pytest.fixture(scope="module")
def training(training_set, small_config):
    return train(training_set, small_config)


def test_training_frame__shape_does_not_depend_on_row_order(training_set):
    shuffled = training_set.sample(frac=1.0, random_state=1)
    features = shuffled.set_index(["ticker", "session"]).drop(columns="label")
    labels = shuffled.set_index(["ticker", "session"])["label"].sample(frac=1.0, random_state=2)
    pd.testing.assert_frame_equal(training_frame(features, labels), training_set)


def test_training_set_sha256__survives_parquet_and_sees_any_change(training_set, tmp_path):
    training_set.to_parquet(tmp_path / "set.parquet")
    digest = training_set_sha256(training_set)
    assert training_set_sha256(pd.read_parquet(tmp_path / "set.parquet")) == digest
    for column, value in (("F3", np.float32(9.0)), ("label", 9.0), ("ticker", "T9")):
        changed = training_set.copy()
        changed.loc[100, column] = value
        assert training_set_sha256(changed) != digest
    assert training_set_sha256(training_set.rename(columns={"F3": "G3"})) != digest


def test_train__equal_inputs_give_the_same_model_to_the_bit(training_set, small_config, training):
    again = train(training_set.sample(frac=1.0, random_state=1), small_config)
    assert again.model.to_bytes() == training.model.to_bytes()
    pd.testing.assert_frame_equal(again.oos, training.oos)


def test_train__seed_and_data_change_the_model(training_set, small_config, training):
    other = train(training_set, replace(small_config, seed=8))
    assert other.model.to_bytes() != training.model.to_bytes()


def test_train__finds_a_planted_signal_and_none_in_noise(training, noise_set, small_config):
    assert training.metrics["rank_ic"] > 0.2
    assert training.metrics["skill"] > 0.05
    assert training.metrics["p_better"] < 0.01
    noise = train(noise_set, small_config)
    assert abs(noise.metrics["rank_ic"]) < 0.1
    assert noise.metrics["p_better"] > 0.01


def test_train__out_of_sample_rows_are_the_last_labelled_sessions_once_each(training, training_set):
    labelled = training_set.dropna(subset="label")
    window = np.sort(labelled["session"].unique())[-150:]
    expected = labelled[labelled["session"].isin(window)][["ticker", "session", "label"]]
    keys = training.oos[["ticker", "session", "label"]]
    pd.testing.assert_frame_equal(keys, expected.reset_index(drop=True), check_dtype=False)


def test_train__the_future_of_a_fold_changes_none_of_its_forecasts(training, training_set, small_config):
    starts = training.folds["test_start"]
    changed = training_set.copy()
    later = changed["session"] >= starts[1]
    changed.loc[later, "label"] = -changed.loc[later, "label"] + 0.05
    changed.loc[later, "F0"] = np.float32(0.0)
    again = train(changed, small_config)
    first = training.oos["session"] < starts[1]
    columns = ["forecast", "lower", "upper"]
    pd.testing.assert_frame_equal(again.oos.loc[first, columns], training.oos.loc[first, columns])


def test_train__labels_that_span_into_a_fold_are_purged_from_it(training_set, small_config):
    config = replace(small_config, horizon=5)
    panel = labelled_panel(training_set)
    training = train(training_set, config)
    start = panel.sessions.get_loc(training.folds["test_start"][0])
    assert panel.sessions.get_loc(training.folds["train_end"][0]) + 5 + config.embargo == start - 1


def test_train__early_stopping_looks_at_no_session_after_the_window(training_set, small_config):
    panel = labelled_panel(training_set)
    whole = fit_booster(panel, 250, small_config)
    cut = labelled_panel(training_set[training_set["session"] < panel.sessions[250]])
    alone = fit_booster(cut, 250, small_config)
    assert whole.model.to_bytes() == alone.model.to_bytes()


def test_train__progress_ends_at_one(training_set, small_config):
    steps: list[tuple[float, str]] = []
    train(training_set, small_config, progress=lambda share, what: steps.append((share, what)))
    assert [what for _, what in steps] == ["fold 1 of 3", "fold 2 of 3", "fold 3 of 3", "final model"]
    assert [share for share, _ in steps] == pytest.approx([0.25, 0.5, 0.75, 1.0])


def test_train__metrics_agree_with_the_rows(training):
    rows = training.oos.set_index(["ticker", "session"])
    assert training.metrics["rank_ic"] == pytest.approx(rank_ic(rows["forecast"], rows["label"]).mean())
    assert training.metrics["loss"] == pytest.approx(((rows["forecast"] - rows["label"]) ** 2).mean())
    inside = (rows["label"] >= rows["lower"]) & (rows["label"] <= rows["upper"])
    assert training.metrics["coverage"] == pytest.approx(inside.mean())
    assert 0.8 < inside.mean() < 0.97


def test_manifest__golden_batch_is_answered_to_the_bit(training):
    manifest = training.manifest("2016-08-11", "abc123")
    model = read_model(manifest.kind, training.model.to_bytes())
    assert forecast(model, manifest.golden_matrix()).tolist() == list(manifest.golden_outputs)
    assert np.isnan(manifest.golden_matrix()[-2]).all()
    assert manifest.model_sha256 == sha256(training.model.to_bytes())
    assert manifest.trained_through == iso(training.oos["session"].max())
    assert manifest.interval_low < 0 < manifest.interval_high
    assert set(manifest.scales) == set(training.oos["ticker"])
    assert all(0.01 < scale < 0.06 for scale in manifest.scales.values())
    assert manifest.interval_level == 0.90


def test_train_random_walk__has_the_same_rows_and_no_skill(training, training_set, small_config):
    walk = train_random_walk(training_set, small_config)
    keys = ["ticker", "session", "label"]
    pd.testing.assert_frame_equal(walk.oos[keys], training.oos[keys])
    assert (walk.oos["forecast"] == 0).all()
    assert walk.metrics["skill"] == 0.0
    assert walk.metrics["rank_ic"] is None
    assert walk.manifest("2016-08-11", "").kind == "random_walk"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: rows.drop(columns="label"), "lacks label"),
        (lambda rows: rows[["ticker", "session", "label"]], "lacks feature columns"),
        (lambda rows: rows.assign(label=np.nan), "no row of the training set has a label"),
        (lambda rows: pd.concat([rows, rows.head(1)]), "repeats a ticker and session"),
        (lambda rows: rows.head(500), "labelled sessions leave"),
    ],
)
def test_train__an_unusable_training_set_is_refused(training_set, small_config, spoil, message):
    with pytest.raises(BadInput, match=message):
        train(spoil(training_set), small_config)


@pytest.mark.parametrize(
    "wrong",
    [
        {"leaf_share": 0.0},
        {"label_clip": 0.5},
        {"interval": 1.5},
        {"rounds": 0},
        {"train_sessions": 99},
        {"train_sessions": -1},
        {"horizon": 0},
        {"folds": 0},
        {"test_size": 0},
        {"min_train": 0},
        {"validation_size": 0},
        {"embargo": -1},
    ],
)
def test_training_config__out_of_range_is_refused(wrong):
    with pytest.raises(BadInput):
        TrainingConfig(**wrong)


@pytest.mark.parametrize("learner", ["lightgbm", "ridge"])
def test_train__a_first_fold_shorter_than_its_validation_tail_is_refused(training_set, small_config, learner):
    config = replace(small_config, learner=learner, folds=99, min_train=20, test_size=47)
    with pytest.raises(BadInput, match=r"the first fold trains on \d+ sessions, on the last 60 of which"):
        train(training_set, config)


def test_train__a_forecast_that_is_not_finite_is_told_with_its_row(training_set, small_config):
    class Silent(RandomWalk):
        def predict(self, prepared, num_threads=1):
            return np.where(prepared[:, 2] > 2.0, np.nan, 0.0)

    with pytest.raises(BadInput, match=r"random_walk forecasts no finite number of \d+ rows, such as T\d on 20\d\d-"):
        train(training_set, small_config, learner=Given(Silent(labelled_panel(training_set).feature_names)))


def test_train__a_bounded_window_forgets_what_lies_before_it(training_set, small_config):
    config = replace(small_config, train_sessions=120)
    panel = labelled_panel(training_set)
    changed = training_set.copy()
    changed.loc[changed["session"] < panel.sessions[130], "label"] *= -3.0
    bounded, forgotten = (fit_booster(labelled_panel(each), 250, config) for each in (training_set, changed))
    assert bounded.model.to_bytes() == forgotten.model.to_bytes()
    assert bounded.model.to_bytes() != fit_booster(panel, 250, small_config).model.to_bytes()


@pytest.mark.parametrize("ranked", [False, True])
def test_fit_before__is_the_same_whichever_other_fits_share_its_sets(training_set, small_config, ranked):
    config = replace(small_config, ranked=ranked, train_sessions=140)
    panel = labelled_panel(training_set)
    alone = fit_before(panel, 260, config, Datasets(panel, [260], config))
    among = fit_before(panel, 260, config, Datasets(panel, [200, 400], config))
    assert alone.model.to_bytes() == among.model.to_bytes()
