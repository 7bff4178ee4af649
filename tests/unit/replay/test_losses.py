"""Losses by session are those of the definition, and no model is asked twice for one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.core.evaluation.metrics import session_losses
from evergreen.core.market import simulate
from evergreen.core.model.aim import NEXT_RETURN
from evergreen.replay.bars import clean
from evergreen.replay.losses import Losses, squared, with_random_walk
from evergreen.replay.market import Market, build_market


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Market:
    """Four stocks, of which one session lacks some outcomes and the last has none."""
    bars = simulate(4, 80, seed=3)
    built = build_market(clean(bars, bars["session"].max(), "XNYS"), NEXT_RETURN, tmp_path_factory.mktemp("market"))
    label = np.array(built.label)
    label[built.rows(40, 41)] = [0.01, np.nan, -0.02, np.nan]
    return replace(built, label=label)


def forecasts(market: Market, start: int, stop: int) -> np.ndarray:
    rows = market.rows(start, stop)
    return np.sin(np.arange(rows.start, rows.stop)) / 100


def test_squared__is_the_mean_squared_error_of_each_session(market: Market) -> None:
    numbers = range(30, 80)
    rows = market.rows(30, 80)
    days = market.sessions[30:80].repeat(np.diff(market.first_row[30:81]))
    index = pd.MultiIndex.from_arrays([market.ticker[rows], days], names=["ticker", "session"])
    forecast, label = (pd.Series(each, index) for each in (forecasts(market, 30, 80), market.label[rows]))
    ours = with_random_walk(market, numbers, squared(market, numbers, forecast.to_numpy()))
    slow = session_losses(forecast, label).reindex(market.sessions[30:80]).to_numpy()
    slow_walk = session_losses(0.0 * forecast, label).reindex(market.sessions[30:80]).to_numpy()
    np.testing.assert_allclose(ours.loss, slow, rtol=1e-12)
    np.testing.assert_allclose(ours.loss_random_walk, slow_walk, rtol=1e-12)
    assert ours.n[[0, 10, -1]].tolist() == [4, 2, 0]


def test_squared__of_a_forecast_that_is_not_finite_is_endless(market: Market) -> None:
    forecast = forecasts(market, 30, 31)
    forecast[0] = np.nan
    assert squared(market, range(30, 31), forecast).tolist() == [np.inf]


def test_losses__are_asked_of_a_model_once_by_all_who_share_the_folder(market: Market, tmp_path: Path) -> None:
    requested: list[tuple[int, int]] = []

    def forecast(start: int, stop: int) -> np.ndarray:
        requested.append((start, stop))
        return forecasts(market, start, stop)

    alone = Losses(market, tmp_path).of("one", range(20, 30), forecast)
    assert requested == [(20, 52)]
    again = Losses(market, tmp_path).of("one", range(25, 60), forecast)
    assert requested[1:] == [(52, 80)]
    np.testing.assert_array_equal(alone.loss[5:], again.loss[:5])
    np.testing.assert_array_equal(again.loss, squared(market, range(25, 60), forecasts(market, 25, 60)))


def test_losses__of_a_session_without_an_outcome_are_not_asked_again(market: Market, tmp_path: Path) -> None:
    losses = Losses(market, tmp_path)
    first = losses.of("one", range(79, 80), lambda start, stop: forecasts(market, start, stop))
    again = losses.of("one", range(79, 80), lambda start, stop: pytest.fail("asked again"))
    assert np.isnan(first.loss[0]) and np.isnan(again.loss[0])
