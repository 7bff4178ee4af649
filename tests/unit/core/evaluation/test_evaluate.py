from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evergreen.core.evaluation.evaluate import assess, by_year, evaluate, price_error, quantiles, skill_line


def made_oos(signal: float) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    keys = pd.MultiIndex.from_product([["A", "B", "C"], pd.bdate_range("2010-01-01", periods=200)])
    label = rng.normal(0, 0.02, len(keys))
    forecast = signal * label + rng.normal(0, 0.0004, len(keys))
    return pd.DataFrame(
        {
            "ticker": keys.get_level_values(0),
            "session": keys.get_level_values(1),
            "forecast": forecast,
            "label": label,
            "lower": forecast - 0.033,
            "upper": forecast + 0.033,
        }
    )


def test_evaluate__says_what_is_undefined_with_none():
    metrics = evaluate(made_oos(0.0).assign(forecast=0.0))
    assert metrics["rank_ic"] is None and metrics["ic"] is None
    assert (metrics["gain"], metrics["skill"], metrics["p_better"]) == (0.0, 0.0, 0.5)
    assert (metrics["sessions"], metrics["rows"]) == (200.0, 600.0)


def test_evaluate__gain_and_skill_agree_in_sign():
    metrics = evaluate(made_oos(0.1))
    assert metrics["gain"] > metrics["gain_lower90"] > 0
    assert metrics["skill"] == pytest.approx(1 - 0.9**2, abs=0.01)
    assert metrics["coverage"] > 0.85


def test_skill_line__claims_only_what_p_allows():
    assert skill_line(evaluate(made_oos(0.1))).startswith("Skill over the random walk: over 200 sessions")
    assert skill_line(evaluate(made_oos(0.0))).startswith("No measurable skill over the random walk")
    assert "p = 0.500" in skill_line(evaluate(made_oos(0.0).assign(forecast=0.0)))


def wide_oos(signal: float, tickers: int = 40, sessions: int = 300, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    days = pd.bdate_range("2010-01-01", periods=sessions)
    keys = pd.MultiIndex.from_product([days, [f"T{i:02d}" for i in range(tickers)]], names=["session", "ticker"])
    forecast = rng.normal(0, 0.01, len(keys))
    label = signal * forecast + np.sqrt(1 - signal**2) * rng.normal(0, 0.01, len(keys)) + rng.normal(0, 0.01)
    rows = keys.to_frame(index=False).assign(forecast=forecast, label=label)
    return rows.assign(lower=forecast - 0.0165, upper=forecast + 0.0165)


@pytest.mark.parametrize("true_ic", [0.0, 0.03, 0.10])
def test_evaluate__intervals_cover_a_known_ic_as_often_as_they_say(true_ic):
    measured = [evaluate(wide_oos(true_ic, sessions=120, seed=seed)) for seed in range(60)]
    covered = [each["ic_lower90"] < true_ic < each["ic_upper90"] for each in measured]
    assert 0.80 <= np.mean(covered) <= 0.98
    assert np.mean([each["ic"] for each in measured]) == pytest.approx(true_ic, abs=0.006)


def test_price_error__mase_is_one_for_the_random_walk():
    rows = wide_oos(0.3)
    assert price_error(rows["forecast"] * 0, rows["label"])["mase"] == 1.0
    perfect = price_error(rows["label"], rows["label"])
    assert perfect == {"mae": 0.0, "rmse": 0.0, "mase": 0.0}


def test_by_year__is_evaluate_of_each_year():
    rows = wide_oos(0.1)
    table = by_year(rows)
    assert list(table.index) == [2010, 2011]
    assert table.loc[2010, "rank_ic"] == evaluate(rows[rows["session"].dt.year == 2010])["rank_ic"]


def test_quantiles__rise_with_skill_and_take_as_many_groups_as_there_are_tickers():
    skilled = quantiles(wide_oos(0.3))
    assert skilled is not None and skilled.monotonicity == pytest.approx(1.0)
    assert skilled.table["lower90"].iloc[-1] > 0 > skilled.table["upper90"].iloc[0]
    assert skilled.table["mean"].sum() == pytest.approx(0.0, abs=1e-12)
    few = quantiles(wide_oos(0.3, tickers=3))
    assert few is not None and list(few.table.index) == [1, 2, 3]
    assert quantiles(wide_oos(0.3).assign(forecast=0.0)) is None


def test_assess__adds_what_a_portfolio_would_have_earned():
    metrics = assess(wide_oos(0.3), 1)
    assert metrics["monotonicity"] == pytest.approx(1.0) and metrics["top_k_turnover"] > 100
    assert assess(wide_oos(0.3).assign(forecast=0.0), 1)["top_k_sharpe"] is None
