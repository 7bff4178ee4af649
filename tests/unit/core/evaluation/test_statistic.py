from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.core.evaluation.diebold_mariano import dm_test
from evergreen.core.evaluation.losses import Statistic, difference, relative_difference
from evergreen.core.evaluation.metrics import rank_ic, session_losses
from evergreen.core.evaluation.retention import Retention
from evergreen.core.evaluation.statistic import choose_loss, losses_by_session, suited_statistic

SESSIONS = pd.bdate_range("2020-01-01", periods=40)


def rows(seed: int, tickers: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product([range(tickers), SESSIONS], names=["ticker", "session"])
    label = rng.normal(0, 0.02, len(index))
    return pd.DataFrame({"forecast": 0.05 * label + rng.normal(0, 0.01, len(index)), "label": label}, index)


@pytest.mark.parametrize(("tickers", "statistic"), [(49, Statistic.SQUARED_ERROR), (50, Statistic.ORDER)])
def test_suited_statistic__is_the_order_from_fifty_tickers_a_session(tickers, statistic):
    assert suited_statistic(pd.Series(rows(1, tickers).index.get_level_values("session"))) is statistic
    assert suited_statistic(pd.Series(dtype=int)) is Statistic.SQUARED_ERROR


def test_losses_by_session__by_order_are_one_less_rank_ic_and_do_not_see_the_forecasts_size():
    panel = rows(1)
    losses = losses_by_session(Statistic.ORDER, panel["forecast"], panel["label"])
    assert losses.to_numpy() == pytest.approx(1 - rank_ic(panel["forecast"], panel["label"]).to_numpy())
    scaled = losses_by_session(Statistic.ORDER, 10 * panel["forecast"], panel["label"])
    assert scaled.to_numpy() == pytest.approx(losses.to_numpy())
    assert (losses_by_session(Statistic.ORDER, 0 * panel["forecast"], panel["label"]) == 1).all()


def test_losses_by_session__a_forecast_that_is_not_finite_costs_its_session_everything():
    panel = rows(1)
    panel.loc[(3, SESSIONS[7]), "forecast"] = np.nan
    for statistic in Statistic:
        losses = losses_by_session(statistic, panel["forecast"], panel["label"])
        assert np.isinf(losses.iloc[7]) and np.isfinite(losses.drop(SESSIONS[7])).all()


def test_choose_loss__is_what_losses_by_session_computes():
    panel = rows(2)
    squared, order = (each(panel["forecast"], panel["label"]) for each in (session_losses, rank_ic))
    for statistic in Statistic:
        assert choose_loss(statistic, squared, order) == pytest.approx(
            losses_by_session(statistic, panel["forecast"], panel["label"]).to_numpy()
        )


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0, 2)), min_size=1))
def test_difference__lies_within_two_and_turns_with_its_arguments(pairs):
    a, b = np.array(pairs).T
    for statistic in Statistic:
        r = difference(statistic, a, b)
        assert (np.abs(r) <= 2).all() and r == pytest.approx(-difference(statistic, b, a))
    assert difference(Statistic.SQUARED_ERROR, a, b) == pytest.approx(relative_difference(a, b))


def test_difference__of_orders_does_not_reward_a_rank_ic_that_only_varies():
    ic = np.array([0.4, -0.4] * 50)
    assert difference(Statistic.ORDER, np.ones(100), 1 - ic).mean() == pytest.approx(0)
    assert difference(Statistic.ORDER, [1.0, np.inf], [np.inf, np.inf]).tolist() == [-1.0, 0.0]


def test_retention__asks_for_nothing_where_no_advantage_is_shown():
    rng = np.random.default_rng(3)
    skilled, useless = (dm_test(rng.normal(mean, 1, 400)) for mean in (0.5, -0.1))
    rule = Retention(skilled, 0.8)
    assert rule.margin == pytest.approx(0.2 * skilled.lower90) and rule.kept_share(dm_test([0.0, 0.0])) == 1
    assert Retention(useless).margin == 0 and Retention(useless).kept_share(skilled) is None
