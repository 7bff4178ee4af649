from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import lightgbm as lgb
import numpy as np
import pytest
from scipy import stats

from evergreen.core.dataset.panel import labelled_panel
from evergreen.core.model.booster import to_text
from evergreen.core.model.lightgbm_learner import LightGBMLearner
from evergreen.core.model.protocol import Fit, forecast
from evergreen.core.model.random_walk import RandomWalk
from evergreen.core.model.registry import BUILT_IN, learner, load_verified, read_model
from evergreen.core.model.session_scores import session_scores
from evergreen.core.model.training import train
from evergreen.core.model.tuning import tune
from evergreen.core.model.verified import sha256
from evergreen.errors import BadInput, BadSetting, ModelRefused
from tests.unit.core.conftest import made_training_set

TICKERS, STOP = 12, 250
KINDS = sorted(BUILT_IN)


@pytest.fixture(scope="module")
def rows():
    return made_training_set(signal=0.3, tickers=TICKERS, sessions=330)


@pytest.fixture(scope="module")
def fits(rows, small_config) -> dict[str, Fit]:
    panel = labelled_panel(rows)
    return {name: next(learner(name).fits(panel, [STOP], small_config)) for name in KINDS}


def some(rows, sessions: int = 9):
    return labelled_panel(rows).matrix[: TICKERS * sessions], np.arange(sessions).repeat(TICKERS)


@pytest.mark.parametrize("name", KINDS)
def test_learner__a_model_comes_back_from_its_text_to_the_bit(name, fits, rows):
    model, (matrix, session) = fits[name].model, some(rows)
    again = read_model(name, model.to_bytes().decode().encode())
    assert again.to_bytes() == model.to_bytes() and again.kind == name
    assert again.features == labelled_panel(rows).feature_names
    assert np.array_equal(forecast(again, matrix, session), forecast(model, matrix, session))


@pytest.mark.parametrize("name", KINDS)
def test_predict__a_prepared_row_does_not_depend_on_its_batch(name, fits, rows):
    model = fits[name].model
    prepared = model.prepare(*some(rows))
    alone = np.concatenate([model.predict(row[None, :]) for row in prepared])
    assert prepared.shape == (TICKERS * 9, model.width)
    assert np.array_equal(alone, model.predict(prepared)) and np.array_equal(alone, model.predict(prepared, 2))


@pytest.mark.parametrize("name", KINDS)
def test_prepare__a_session_does_not_depend_on_the_others(name, fits, rows):
    model, (matrix, session) = fits[name].model, some(rows)
    alone = [forecast(model, matrix[session == number]) for number in range(9)]
    assert np.array_equal(np.concatenate(alone), forecast(model, matrix, session))


@pytest.mark.parametrize("name", KINDS)
def test_learner__a_fit_looks_at_no_session_after_its_window(name, fits, rows, small_config):
    panel = labelled_panel(rows)
    cut = labelled_panel(rows[rows["session"] < panel.sessions[STOP]])
    assert next(learner(name).fits(cut, [STOP], small_config)).model.to_bytes() == fits[name].model.to_bytes()


@pytest.mark.parametrize("name", KINDS)
def test_forecast__is_finite_whatever_a_row_holds(name, fits):
    width = len(fits[name].model.features)
    odd = np.array([[np.nan] * width, [np.inf] * width, [-1e30] * width, [0.0] * width], dtype=np.float32)
    assert np.isfinite(forecast(fits[name].model, odd)).all()


@pytest.mark.parametrize("name", ["averaged_lightgbm", "ridge", "blend"])
def test_train__finds_a_planted_signal_and_its_golden_rows_hold(name, rows, small_config):
    training = train(rows, replace(small_config, learner=name))
    manifest = training.manifest("2016-08-11", "d")
    assert training.metrics["rank_ic"] > 0.15
    assert manifest.kind == name and training.importance.index[0] == "F0"
    model = read_model(name, training.model.to_bytes())
    assert forecast(model, manifest.golden_matrix()).tolist() == list(manifest.golden_outputs)


def test_ridge__is_the_penalised_least_squares_of_scores_on_scores(fits, rows, small_config):
    panel = labelled_panel(rows)
    part = panel.rows(0, STOP)
    factors = session_scores(panel.matrix[part], np.arange(STOP).repeat(TICKERS)).astype(float)
    labels = panel.label[part].reshape(-1, TICKERS)
    target = stats.norm.ppf((stats.rankdata(labels, axis=1) - 0.5) / TICKERS).ravel()
    stacked = np.vstack([factors, np.sqrt(small_config.ridge_penalty * len(factors)) * np.eye(factors.shape[1])])
    expected = np.linalg.lstsq(stacked, np.append(target, np.zeros(factors.shape[1])), rcond=None)[0]
    weights = fits["ridge"].model.weights
    np.testing.assert_allclose(weights / np.linalg.norm(weights), expected / np.linalg.norm(expected), atol=1e-6)


def test_ridge__over_the_last_sessions_alone_knows_nothing_of_earlier_ones(rows, small_config):
    panel, config = labelled_panel(rows), replace(small_config, train_sessions=200)
    changed = rows.copy()
    changed.loc[changed["session"] < panel.sessions[50], "F0"] = np.float32(1.0)
    changed.loc[changed["session"] < panel.sessions[50], "label"] *= -1.0
    several = [list(learner("ridge").fits(each, [220, STOP], config))[1] for each in (panel, labelled_panel(changed))]
    weights = [fit.model.weights for fit in several]
    assert np.corrcoef(*weights)[0, 1] > 0.999999
    whole = next(learner("ridge").fits(panel, [STOP], small_config)).model.weights
    assert not np.allclose(weights[0], whole)


def test_session_scores__are_scipys_ranks_and_unknown_values_take_the_middle():
    rng = np.random.default_rng(3)
    values = rng.integers(0, 6, (40, 5)).astype(np.float32)
    values[rng.random(values.shape) < 0.2] = np.nan
    session = rng.permutation(np.arange(4).repeat(10))
    scores = session_scores(values, session)
    for number in range(4):
        for own, scored in zip(values[session == number].T, scores[session == number].T, strict=True):
            known = np.isfinite(own)
            expected = np.zeros(10)
            expected[known] = stats.norm.ppf((stats.rankdata(own[known]) - 0.5) / known.sum())
            np.testing.assert_allclose(scored, expected, atol=1e-6)


def test_blend__its_parts_speak_with_equal_spread(fits, rows):
    blend, panel = fits["blend"].model, labelled_panel(rows)
    matrix, session = panel.matrix[panel.rows(STOP - 63, STOP)], np.arange(63).repeat(TICKERS)
    weighted = [
        weight * forecast(part, matrix, session) for part, weight in zip(blend.parts, blend.weights, strict=True)
    ]
    spreads = [
        float(np.std(each.reshape(63, -1) - each.reshape(63, -1).mean(axis=1, keepdims=True))) for each in weighted
    ]
    assert spreads[0] == pytest.approx(spreads[1], rel=1e-6) and 0.0 < spreads[0] < 0.02
    assert np.array_equal(np.add(*weighted), forecast(blend, matrix, session))


def test_averaged_lightgbm__is_the_mean_of_single_ones_that_differ_in_their_seed(fits, rows, small_config):
    panel, model, (matrix, session) = labelled_panel(rows), fits["averaged_lightgbm"].model, some(rows)
    assert model.members[0].to_bytes() == fits["lightgbm"].model.to_bytes()  # of the seed that was chosen
    fitted = LightGBMLearner().fitters(panel, [replace(small_config, seed=small_config.seed + more) for more in (1, 2)])
    others = [fit(STOP) for fit in fitted]
    single = [forecast(each, matrix, session) for each in (fits["lightgbm"].model, *(fit.model for fit in others))]
    assert np.array_equal(forecast(model, matrix, session), np.mean(single, axis=0))
    assert not np.array_equal(single[0], single[1])
    residuals = [fits["lightgbm"].tail_residuals, *(fit.tail_residuals for fit in others)]
    np.testing.assert_allclose(fits["averaged_lightgbm"].tail_residuals, np.mean(residuals, axis=0))


def test_random_walk__of_the_version_before_is_read_as_the_booster_it_was():
    nothing = lgb.Dataset(np.zeros((2, 3), dtype=np.float32), np.zeros(2), feature_name=["a", "b", "c"])
    walk = read_model("random_walk", to_text(lgb.train({"verbose": -1, "num_threads": 1}, nothing, 1)).encode())
    assert walk.features == ("a", "b", "c")
    assert forecast(walk, np.full((2, 3), np.nan, dtype=np.float32)).tolist() == [0.0, 0.0]


def test_read_model__what_is_not_of_its_kind_is_refused(tmp_path):
    walk = RandomWalk(("a",)).to_bytes()
    for kind in ("averaged_lightgbm", "ridge", "blend"):
        with pytest.raises(ModelRefused, match=f"does not hold a {kind}"):
            read_model(kind, walk)
    with pytest.raises(ModelRefused):
        read_model("random_walk", b"\x80\x04")
    (tmp_path / "model.txt").write_bytes(walk)
    assert load_verified(tmp_path / "model.txt", sha256(walk), "random_walk") == RandomWalk(("a",))


def test_learner__one_that_is_not_registered_is_named_with_those_that_are():
    with pytest.raises(BadSetting, match="no learner 'forest' is registered") as caught:
        learner("forest")
    assert "averaged_lightgbm, blend, lightgbm, random_walk, ranked_lightgbm, ridge" in str(caught.value)


def test_tune__another_learner_is_refused(rows, small_config):
    with pytest.raises(BadInput, match="not of ridge"):
        tune(rows, replace(small_config, learner="ridge"), budget=2)


def test_ridge__is_read_without_lightgbm_and_pandas():
    code = "from evergreen.core.model.registry import learner; learner('ridge'); learner('random_walk')"
    code += "; import sys; print({'lightgbm', 'pandas'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
