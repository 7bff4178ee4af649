from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evergreen.core.evaluation.losses import skill_score
from evergreen.core.evaluation.metrics import (
    gain_over_random_walk,
    ic,
    icir,
    loss_difference,
    rank_ic,
    session_losses,
    skill,
)
from evergreen.errors import BadInput

SESSIONS = pd.bdate_range("2020-01-01", periods=30)


def panel(seed: int, tickers: int = 7) -> tuple[pd.Series, pd.Series]:
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product([[f"T{i}" for i in range(tickers)], SESSIONS], names=["ticker", "session"])
    label = pd.Series(rng.standard_t(4, len(index)) * 0.02, index=index)
    forecast = pd.Series((0.1 * label + rng.normal(0, 0.01, len(index))).round(3), index=index)
    label[rng.random(len(index)) < 0.2] = np.nan
    forecast[rng.random(len(index)) < 0.1] = np.nan
    return forecast, label


@pytest.mark.parametrize(("measure", "oracle"), [(ic, stats.pearsonr), (rank_ic, stats.spearmanr)])
@pytest.mark.parametrize("seed", range(5))
def test_correlations__equal_scipy_session_by_session(measure, oracle, seed):
    forecast, label = panel(seed)
    both = pd.DataFrame({"x": forecast, "y": label}).dropna()
    expected = [
        oracle(rows["x"], rows["y"])[0] if len(rows) > 1 else np.nan for _, rows in both.groupby(level="session")
    ]
    assert measure(forecast, label).to_numpy() == pytest.approx(np.array(expected), abs=1e-9, nan_ok=True)


def test_correlations__constant_forecast_or_a_single_ticker_is_undefined():
    forecast, label = panel(1)
    assert ic(forecast * 0 + 0.1, label).isna().all()
    assert rank_ic(forecast * 0 + 0.1, label).isna().all()
    one = label.loc[["T0"]]
    assert ic(forecast.loc[["T0"]], one).isna().all()
    assert list(ic(forecast, one).index) == list(one.dropna().index.get_level_values("session"))


def test_rank_ic__is_unmoved_by_any_increasing_transformation():
    forecast, label = panel(2)
    pd.testing.assert_series_equal(rank_ic(forecast, label), rank_ic(np.exp(9 * forecast), label))


def test_icir__mean_over_spread():
    assert icir(pd.Series([0.1, 0.3])) == pytest.approx(0.2 / np.sqrt(0.02))
    assert np.isnan(icir(pd.Series([0.1, 0.1])))


def test_session_losses__are_mean_squared_errors_over_known_labels():
    forecast, label = panel(3)
    forecast = forecast.fillna(0.0)
    expected = ((forecast - label) ** 2).groupby(level="session").mean()
    assert session_losses(forecast, label).to_numpy() == pytest.approx(expected.to_numpy())


def test_session_losses__a_missing_forecast_is_an_infinite_loss_not_a_smaller_mean():
    forecast, label = panel(4)
    label, forecast = label.fillna(0.01), forecast.fillna(0.0)
    forecast.iloc[3] = np.nan
    losses = session_losses(forecast, label)
    assert list(losses.index[np.isinf(losses)]) == [SESSIONS[3]]


@given(st.lists(st.tuples(st.floats(0, 1e9), st.floats(0, 1e9)), min_size=1, max_size=20))
def test_loss_difference__is_bounded_and_antisymmetric(pairs):
    a, b = (pd.Series(side, dtype=float) for side in zip(*pairs, strict=True))
    r = loss_difference(a, b)
    assert r.between(-2, 2).all()
    assert np.array_equal(r, -loss_difference(b, a))
    assert ((r > 0) <= (a > b)).all()


def test_loss_difference__edges():
    inf = np.inf
    r = loss_difference(pd.Series([0.0, inf, 1.0, inf, 3.0]), pd.Series([0.0, inf, inf, 1.0, 1.0]))
    assert r.to_list() == pytest.approx([0.0, 0.0, -2.0, 2.0, 1.0])


def test_loss_difference__a_missing_or_negative_loss_is_refused():
    for wrong in (np.nan, -1.0):
        with pytest.raises(BadInput, match="negative or missing"):
            loss_difference(pd.Series([wrong]), pd.Series([1.0]))


def test_skill__is_zero_for_the_baseline_itself():
    losses = pd.Series([1.0, 3.0])
    assert skill(losses, losses) == 0.0
    assert skill(losses / 2, losses) == 0.5
    assert np.isnan(skill(losses, losses * 0))


def test_skill_score__is_the_share_of_the_baselines_loss_that_is_saved():
    assert skill_score(3.0, 4.0) == 0.25
    assert skill_score([1.0, 2.0], [2.0, 1.0]).tolist() == [0.5, -1.0]
    assert np.isnan(skill_score(1.0, 0.0))


def test_gain_over_random_walk__is_r_against_a_forecast_of_zero():
    index = pd.MultiIndex.from_product(
        [["A", "B"], pd.bdate_range("2020-01-06", periods=3)], names=["ticker", "session"]
    )
    label = pd.Series([0.01, -0.02, 0.03, 0.02, 0.01, -0.01], index=index)
    assert (gain_over_random_walk(label * 0.0, label) == 0.0).all()
    assert gain_over_random_walk(label, label).tolist() == [2.0, 2.0, 2.0]
    assert (gain_over_random_walk(-label, label) < 0.0).all()
