"""What is left of a forecast once what is known anyway is taken out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evergreen.core.evaluation.metrics import rank_ic
from evergreen.core.evaluation.originality import (
    KNOWN,
    era_sharpe,
    exposures,
    known_factors,
    neutral_rank_ic,
    originality,
)

DAYS = pd.bdate_range("2010-01-04", periods=330).as_unit("us")
NAMES = [f"T{number:02}" for number in range(40)]


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    """Forty tickers whose betas and sizes rise with their number."""
    rng = np.random.default_rng(2)
    market = rng.normal(0, 0.01, len(DAYS))
    change = np.linspace(0.2, 2.0, 40)[:, None] * market + rng.normal(0, 0.004, (40, len(DAYS)))
    close = 50 * np.exp(change.cumsum(axis=1)).ravel()
    volume = np.repeat(np.linspace(1e5, 9e6, 40), len(DAYS)) * np.exp(rng.normal(0, 0.2, close.size))
    return pd.DataFrame(
        {"ticker": np.repeat(NAMES, len(DAYS)), "session": np.tile(DAYS, 40), "close": close, "volume": volume}
    )


def _drawn(seed: int) -> pd.Series:
    index = pd.MultiIndex.from_product([NAMES, DAYS[-60:]], names=["ticker", "session"])
    return pd.Series(np.random.default_rng(seed).normal(size=len(index)), index=index)


def test_known_factors__are_what_their_names_say(bars) -> None:
    last = known_factors(bars).xs(DAYS[-1], level="session")
    order = pd.Series(range(40), index=last.index)
    assert list(last.columns) == list(KNOWN)
    assert last["market"].corr(order) > 0.98 and last["size"].corr(order, method="spearman") > 0.98
    price = bars.pivot(index="session", columns="ticker", values="close")
    assert np.allclose(last["momentum"], np.log(price.iloc[-22] / price.iloc[-253]))
    assert np.allclose(last["reversal"], np.log(price.iloc[-6] / price.iloc[-1]))


def test_known_factors__know_nothing_of_later_bars(bars) -> None:
    early = known_factors(bars[bars["session"] <= DAYS[300]])
    assert np.allclose(early, known_factors(bars).loc[early.index], equal_nan=True)


def test_exposures__of_a_factor_to_itself_are_one(bars) -> None:
    factors = known_factors(bars).loc[_drawn(0).index]
    table = exposures(factors["size"], factors)
    assert table.loc["size", "mean"] == pytest.approx(1.0)
    assert abs(exposures(_drawn(1), factors).loc["size", "mean"]) < 0.1
    assert table.loc["size", "sessions"] == 60


def test_neutral_rank_ic__a_forecast_that_is_the_factor_has_nothing_left() -> None:
    factor, label = _drawn(3), _drawn(4)
    assert neutral_rank_ic(factor, label, factor.to_frame()).isna().all()


def test_neutral_rank_ic__equals_rank_ic_where_nothing_is_taken_out() -> None:
    forecast, label = _drawn(5), _drawn(6)
    constant = pd.DataFrame({"none": 0.0}, index=forecast.index)
    assert np.allclose(neutral_rank_ic(forecast, label, constant), rank_ic(forecast, label))


def test_neutral_rank_ic__keeps_what_a_forecast_adds_and_drops_what_it_repeats() -> None:
    common, own, noise = _drawn(7), _drawn(8), _drawn(9)
    label = common + own + noise
    adds = neutral_rank_ic(common + own, label, common.to_frame()).mean()
    repeats = neutral_rank_ic(common + 0.3 * _drawn(10), label, common.to_frame()).mean()
    assert adds > 0.4 and abs(repeats) < 0.1


def test_neutral_rank_ic__more_features_than_tickers_leave_nothing_to_say() -> None:
    features = pd.concat([_drawn(seed).rename(f"F{seed}") for seed in range(20, 58)], axis=1)
    assert neutral_rank_ic(_drawn(1), _drawn(2), features).isna().all()


def test_era_sharpe__is_mean_over_deviation_of_months() -> None:
    values = pd.Series([*np.repeat([0.01, 0.03, -0.01, 0.05], 21).tolist(), 9.0])
    measured = era_sharpe(values)
    assert measured["eras"] == 4 and measured["eras_above_zero"] == 0.75
    assert measured["era_sharpe"] == pytest.approx(0.02 / np.std([0.01, 0.03, -0.01, 0.05], ddof=1))
    assert np.isnan(era_sharpe(values[:20])["era_sharpe"])


def test_originality__says_all_of_it_and_none_where_undefined(bars) -> None:
    label = _drawn(11)
    record = pd.DataFrame({"forecast": label + 3 * _drawn(12), "label": label}).reset_index()
    champion = record.assign(forecast=record["forecast"] ** 3)  # the same order
    values = originality(record, bars, features=_drawn(13).to_frame("F"), other=champion)
    assert values["factor_neutral"] > 0.2 and values["feature_neutral"] > 0.2
    assert values["beyond_champion"] is None
    assert {f"exposure_{name}" for name in KNOWN} <= values.keys()
    assert "beyond_champion" not in originality(record, bars)
