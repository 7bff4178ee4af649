from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.corporate_actions import link_factors, odd_dividends, unadjusted
from evergreen.core.bars.schema import NUMBERS, adjusted
from evergreen.core.features import LOOKBACK, alpha158
from evergreen.core.market import simulate

DAYS = Calendar("XNYS").sessions(pd.Timestamp("2007-06-01"), pd.Timestamp("2008-03-31"))
SPLIT = 170  # the session, by number, from which one old share is three new ones
KEYS = ["ticker", "session"]


@pytest.fixture(scope="module")
def market() -> pd.DataFrame:
    """Raw bars of three stocks; the first one splits three for one."""
    bars = simulate(3, DAYS, seed=3).assign(factor=1.0)
    after = (bars["ticker"] == "S0") & (bars["session"] >= DAYS[SPLIT])
    for name in ("open", "high", "low", "close"):
        bars[name] = bars[name].where(~after, bars[name] / 3.0)
    return bars.assign(volume=bars["volume"].where(~after, bars["volume"] * 3.0))


def told_at(market: pd.DataFrame, last: int) -> pd.DataFrame:
    """What a vendor tells after session number `last`: its factors are anchored at the newest session."""
    bars = market[market["session"] <= DAYS[last]]
    before = (bars["ticker"] == "S0") & (bars["session"] < DAYS[SPLIT])
    return bars.assign(factor=np.where(before & (last >= SPLIT), 1.0 / 3.0, 1.0)).reset_index(drop=True)


def test_link_factors__a_split_that_arrives_later_changes_no_earlier_bar_and_no_past_feature(
    market: pd.DataFrame,
) -> None:
    known = told_at(market, SPLIT - 1)
    before = alpha158(known)
    for last in range(SPLIT, SPLIT + 30):
        delivery = told_at(market, last)
        linked = link_factors(delivery[delivery["session"] >= DAYS[last - 1]], known)
        overlap = linked[linked["session"] == DAYS[last - 1]]
        pd.testing.assert_frame_equal(
            overlap.reset_index(drop=True), known[known["session"] == DAYS[last - 1]].reset_index(drop=True)
        )
        known = pd.concat([known, linked[linked["session"] == DAYS[last]]], ignore_index=True)
    after = alpha158(known)
    pd.testing.assert_frame_equal(after.loc[before.index], before, check_exact=True)
    vendors = alpha158(told_at(market, SPLIT + 29))
    pd.testing.assert_frame_equal(after, vendors, rtol=1e-4, atol=1e-4)
    assert LOOKBACK > 30  # the windows reached over the split


def test_link_factors__history_told_again_after_a_split_restates_nothing(market: pd.DataFrame) -> None:
    known = link_factors(told_at(market, SPLIT + 5), told_at(market, SPLIT - 1))
    again = link_factors(told_at(market, SPLIT + 5), known)
    pd.testing.assert_frame_equal(again, known, check_exact=True)


def test_link_factors__a_split_told_late_restates_what_follows_it_and_keeps_what_was_before(
    market: pd.DataFrame,
) -> None:
    forgot = market[market["session"] <= DAYS[SPLIT + 5]].reset_index(drop=True)
    linked = link_factors(told_at(market, SPLIT + 5), forgot)
    moved = linked["factor"] != forgot["factor"]
    assert set(linked.loc[moved, "ticker"]) == {"S0"}
    assert linked.loc[moved, "session"].min() == DAYS[SPLIT]
    np.testing.assert_allclose(linked.loc[moved, "factor"], 3.0)


def test_link_factors__leaves_strangers_and_unusable_factors_alone(market: pd.DataFrame) -> None:
    known = told_at(market, 5)
    delivery = told_at(market, 6).assign(factor=np.nan)
    pd.testing.assert_frame_equal(link_factors(delivery, known), delivery)
    stranger = told_at(market, 6).assign(ticker="NEW", factor=0.25)
    pd.testing.assert_frame_equal(link_factors(stranger, known), stranger)


def test_unadjusted__gives_back_raw_prices_and_factors_that_adjust_them() -> None:
    raw = np.array([100.0, 102.0, 51.0, 52.0, 51.5])
    splits, dividends = np.array([0, 0, 2.0, 0, 0]), np.array([0, 0, 0, 0, 1.0])
    today = raw / np.array([2.0, 2.0, 1.0, 1.0, 1.0])
    delivery = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), today)).assign(
        volume=[2e6, 2e6, 1e6, 1e6, 1e6], dividends=dividends, splits=splits
    )
    bars = unadjusted(delivery)
    np.testing.assert_allclose(bars["close"], raw)
    np.testing.assert_allclose(bars["volume"], 1e6)
    np.testing.assert_allclose(bars["factor"], np.array([0.5, 0.5, 1, 1, 1]) * (1 - np.array([1, 1, 1, 1, 0]) / 52))
    returns = np.log(adjusted(bars.assign(ticker="A", session=DAYS[:5]))["close"]).diff().to_numpy()[1:]
    np.testing.assert_allclose(returns, np.log([102 / 100, 102 / 102, 52 / 51, 51.5 / 51]), atol=1e-12)
    assert set(NUMBERS) == set(bars.columns)


def paying(amounts: list[float], opens: dict[int, float] | None = None) -> pd.DataFrame:
    """A share at 100 that pays every tenth session."""
    days = pd.date_range("2020-01-01", periods=10 * len(amounts) + 1, freq="D")
    history = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), 100.0), index=days)
    history = history.assign(volume=1e6, dividends=0.0, splits=0.0)
    for number, amount in enumerate(amounts, start=1):
        history.iloc[10 * number, history.columns.get_loc("dividends")] = amount
    for place, price in (opens or {}).items():
        history.iloc[place, history.columns.get_loc("open")] = price
    return history


@pytest.mark.parametrize(
    ("amounts", "odd"),
    [
        ([1.0, 1.1, 0.9, 1.0], []),
        ([0.5, 0.5, 50.0, 0.5, 0.5], [3]),  # a hundred times too large
        ([1.0, 1.0, 237.0, 1.0], [3]),  # more than the price
        ([2.0, 2.0, 0.02, 2.1, 2.0], [3]),  # pounds beside pence
        ([1.0, 1.0, 3.0, 0.3], []),  # a good year and a bad one
        ([30.0], [1]),  # without the others the price tells
    ],
)
def test_odd_dividends__are_those_that_neither_price_nor_others_bear_out(amounts: list[float], odd: list[int]) -> None:
    marked = odd_dividends(paying(amounts))
    assert [place // 10 for place in np.flatnonzero(marked)] == odd


def test_odd_dividends__a_special_one_that_the_price_falls_by_is_believed() -> None:
    assert not odd_dividends(paying([1.0, 1.0, 40.0, 1.0], {30: 61.0})).any()


def test_odd_dividends__are_all_of_them_where_pounds_stand_beside_pence() -> None:
    pounds, pence = paying([0.02, 0.021, 0.02]), paying([2.0, 2.1, 2.0])
    assert odd_dividends(pounds, in_hundredths=True).sum() == 3
    assert not odd_dividends(pounds).any() and not odd_dividends(pence, in_hundredths=True).any()
