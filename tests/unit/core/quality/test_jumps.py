"""Great jumps: what a real crash, a split nobody told and a spin-off cost."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.schema import PRICES
from evergreen.core.market import simulate
from evergreen.core.quality import Finding, check, split

DAYS = Calendar("XNYS").sessions(pd.Timestamp("2008-01-02"), pd.Timestamp("2008-12-31"))
BARS = simulate(20, DAYS, seed=4)
DAY = 120


def fallen(tickers: list[str], size: float, shares: float = 1.0) -> pd.DataFrame:
    """The market with some prices lower by `size` (in logs) from session number 120 on, shares times `shares`."""
    later = BARS["ticker"].isin(tickers) & (BARS["session"] >= DAYS[DAY])
    bars = BARS.copy()
    bars.loc[later, list(PRICES)] *= np.exp(-size)
    bars.loc[later, "volume"] *= shares
    return bars


def jumps(bars: pd.DataFrame) -> list[Finding]:
    return [f for f in check(bars, DAYS) if f.rule in ("unadjusted_split", "unexplained_jump", "spike")]


def test_jump__that_the_market_shares_is_a_crash() -> None:
    everybody = sorted(BARS["ticker"].unique())
    assert jumps(fallen(everybody, 0.5)) == []


def test_jump__that_some_names_share_is_their_own_news() -> None:
    assert jumps(fallen(["S03", "S07", "S11", "S15"], 0.5)) == []


def test_jump__alone_and_unexplained_costs_the_sessions_around_it() -> None:
    bars = fallen(["S03"], 0.5)
    (finding,) = jumps(bars)
    assert (finding.rule, finding.ticker, finding.days) == ("unexplained_jump", "S03", tuple(DAYS[DAY - 1 : DAY + 2]))
    accepted, refused = split(bars, [finding])
    assert len(refused) == 3 and (accepted["ticker"] == "S03").sum() == len(DAYS) - 3


def test_jump__a_crowd_explains() -> None:
    bars = fallen(["S03"], 0.5)
    crowd = (bars["ticker"] == "S03") & (bars["session"] == DAYS[DAY])
    assert jumps(bars.assign(volume=bars["volume"].where(~crowd, bars["volume"] * 20))) == []


@pytest.mark.parametrize("ratio", [2.0, 3.0, 10.0])
def test_jump__with_shares_that_stay_multiplied_is_a_split_and_costs_the_ticker(ratio: float) -> None:
    bars = fallen(["S03"], np.log(ratio), ratio)
    (finding,) = jumps(bars)
    assert (finding.rule, finding.session) == ("unadjusted_split", DAYS[DAY])
    assert "S03" not in set(split(bars, [finding])[0]["ticker"])


def test_ticks__a_penny_share_moves_by_steps_and_stands_between_them() -> None:
    rng = np.random.default_rng(2)
    steps = rng.choice([-1, 0, 0, 0, 0, 0, 1], len(DAYS))
    prices = np.clip(3 + np.cumsum(steps), 1, 5)
    for tick in (0.0001, 1.0):  # a ten-thousandth of a dollar, one yen
        own = BARS["ticker"] == "S03"
        bars = BARS.copy()
        bars.loc[own, list(PRICES)] = np.repeat(prices[:, None] * tick, 4, axis=1)
        refusing = [finding for finding in check(bars, DAYS) if finding.severity != "warn"]
        assert refusing == []


@pytest.mark.parametrize("start", [30, 60, DAY, 200])
@pytest.mark.parametrize("times", [100.0, 0.01, 10.0])
def test_unit_of_money__that_changes_for_good_costs_the_ticker(start: int, times: float) -> None:
    """Pence for pounds: money traded rises a hundredfold by the price alone, which is no crowd."""
    later = (BARS["ticker"] == "S03") & (BARS["session"] >= DAYS[start])
    bars = BARS.copy()
    bars.loc[later, list(PRICES)] *= times
    (finding,) = jumps(bars)
    assert (finding.rule, finding.ticker, finding.session) == ("unadjusted_split", "S03", DAYS[start])


def test_jump__upwards_that_a_crowd_explains_is_none() -> None:
    bars = fallen(["S03"], -0.9)
    crowd = (bars["ticker"] == "S03") & (bars["session"] == DAYS[DAY])
    assert jumps(bars.assign(volume=bars["volume"].where(~crowd, bars["volume"] * 20))) == []


@pytest.mark.parametrize("columns", [["open", "high"], ["close", "high"]])
def test_wick__of_an_open_or_a_close_that_is_wrong_too_is_refused(columns: list[str]) -> None:
    bar = (BARS["ticker"] == "S03") & (BARS["session"] == DAYS[DAY])
    bars = BARS.copy()
    bars.loc[bar, columns] *= 100
    assert [(f.rule, f.session) for f in check(bars, DAYS) if f.severity != "warn"] == [("wick", DAYS[DAY])]


def test_wick__of_the_newest_close_may_be_its_news() -> None:
    """A bid in the afternoon triples the price: nothing says yet whether it stays."""
    bar = (BARS["ticker"] == "S03") & (BARS["session"] == DAYS[-1])
    bars = BARS.copy()
    bars.loc[bar, ["close", "high"]] *= 4
    assert "wick" not in {finding.rule for finding in check(bars, DAYS)}


def test_ticks__bars_of_coarse_prices_come_again_by_chance_and_a_share_may_stand_at_one() -> None:
    rng = np.random.default_rng(3)
    own = BARS["ticker"] == "S03"
    bars = BARS.copy()
    close = np.clip(np.round(3 + np.cumsum(rng.choice([-1, 0, 0, 1], len(DAYS)))), 2, 5)
    for name, prices in {"open": close, "close": close, "high": close + 1, "low": close - 1}.items():
        bars.loc[own, name] = prices
    assert [finding.rule for finding in check(bars, DAYS) if finding.severity != "warn"] == []
    bars.loc[own, list(PRICES)] = 1.0
    assert [finding.rule for finding in check(bars, DAYS) if finding.severity != "warn"] == []
    bars.loc[own, list(PRICES)] = 37.25
    assert {finding.rule for finding in check(bars, DAYS) if finding.severity != "warn"} == {"flat_line"}
