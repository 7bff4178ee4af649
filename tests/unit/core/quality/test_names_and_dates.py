"""Names that are none, spellings of one company, bars of weeks, months in another year, and unfinished sessions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.schema import PRICES
from evergreen.core.market import simulate
from evergreen.core.quality import Finding, check, split
from evergreen.core.quality.names import implausible

XNYS = Calendar("XNYS")
DAYS = XNYS.sessions(pd.Timestamp("2015-01-02"), pd.Timestamp("2021-12-31"))
BARS = simulate(20, DAYS, seed=4)
ONE = BARS[BARS["ticker"] == "S03"]


def refusing(bars: pd.DataFrame, days: pd.DatetimeIndex = DAYS) -> list[Finding]:
    return [finding for finding in check(bars, days) if finding.severity != "warn"]


@pytest.mark.parametrize(
    "name", ["AAPL (1)", "AAPL_US_D", "HISTORICALDATA_1704123456789", "Apple Inc.", "Johnson & Johnson", "prices"]
)
def test_implausible_name__is_refused_with_how_to_name_it(name: str) -> None:
    (finding,) = refusing(ONE.assign(ticker=name))
    assert (finding.rule, finding.ticker) == ("implausible_name", name)
    assert "name the file or the column `ticker` by the exchange's symbol" in finding.message
    assert split(ONE.assign(ticker=name), [finding])[0].empty


@pytest.mark.parametrize(
    "name", ["AAPL", "BRK.B", "7203", "VOD.L", "BTC-USD", "^GSPC", "M&M", "US0378331005", "EURUSD=X"]
)
def test_implausible_name__is_no_symbol_that_is_in_use(name: str) -> None:
    assert refusing(ONE.assign(ticker=name)) == []


def test_other_spelling__of_one_company_is_one_finding_and_the_longer_history_stays() -> None:
    early, late = ONE[ONE["session"] < DAYS[1000]], ONE[ONE["session"] >= DAYS[1000]]
    bars = pd.concat([early.assign(ticker="BRK.B"), late.assign(ticker="BRK-B")])
    (finding,) = refusing(bars)
    assert (finding.rule, finding.ticker) == ("other_spelling", "BRK-B")
    assert set(split(bars, [finding])[0]["ticker"]) == {"BRK.B"}


def weekly(dated: str) -> pd.DataFrame:
    weeks = ONE.groupby(ONE["session"].dt.to_period("W-SUN"))
    bars = weeks.agg(
        {
            "ticker": "first",
            "open": "first",
            "high": "max",
            "low": "min",
            "close": "last",
            "volume": "sum",
            "factor": "last",
        }
    )
    stamps = bars.index.start_time if dated == "monday" else weeks["session"].max()
    return bars.assign(session=pd.DatetimeIndex(stamps)).reset_index(drop=True)


@pytest.mark.parametrize("dated", ["monday", "last day"])
def test_not_daily__weekly_bars_are_named_as_that(dated: str) -> None:
    findings = refusing(weekly(dated))
    assert "not_daily" in {finding.rule for finding in findings}
    assert "is the first of weekly or monthly bars" in next(f for f in findings if f.rule == "not_daily").message
    assert split(weekly(dated), findings)[0].empty


def test_not_daily__monthly_bars_too_and_a_thin_share_not() -> None:
    monthly = ONE.groupby(ONE["session"].dt.to_period("M")).tail(1)
    assert "not_daily" in {finding.rule for finding in refusing(monthly)}
    thin = ONE[np.random.default_rng(1).random(len(ONE)) < 0.2]
    assert "not_daily" not in {finding.rule for finding in refusing(thin)}


def test_not_daily__weeks_before_days_are_named() -> None:
    """A vendor that gives weekly bars of what is long past, and daily ones since."""
    change = ONE["session"].quantile(0.6)
    mixed = pd.concat([weekly("last day").query("session < @change"), ONE[ONE["session"] >= change]])
    findings = refusing(mixed)
    assert [finding.rule for finding in findings] == ["not_daily"]
    assert split(mixed, findings)[0].empty


@pytest.mark.parametrize("years", [3, -2])
def test_shifted_dates__a_month_written_into_another_year_blocks(years: int) -> None:
    """A month in the middle, or the newest one, three years on; 13 of 26 days are then no sessions."""
    history = BARS[BARS["session"] < "2018-02-08"]
    first = "2018-01-03" if years > 0 else "2015-01-02"
    last = "2018-02-08" if years > 0 else "2015-02-08"
    month = history["session"].between(first, last)
    moved = history.assign(session=history["session"].where(~month, history["session"] + pd.DateOffset(years=years)))
    days = XNYS.sessions(moved["session"].min(), moved["session"].max())
    findings = refusing(moved, days)
    assert "shifted_dates" in {finding.rule for finding in findings}
    assert split(moved, findings)[0].empty


def unfinished(share_of_names: float, **changes: float) -> pd.DataFrame:
    names = sorted(BARS["ticker"].unique())[: round(20 * share_of_names)]
    newest = (BARS["session"] == DAYS[-1]) & BARS["ticker"].isin(names)
    bars = BARS.copy()
    for name, factor in changes.items():
        bars.loc[newest, name] *= factor
    return bars


def test_provisional_session__few_shares_in_most_names_refuse_all_of_the_newest_session_alone() -> None:
    bars = unfinished(0.6, volume=0.1)
    (finding,) = refusing(bars)
    assert (finding.rule, finding.session) == ("provisional_session", DAYS[-1])
    accepted, refused = split(bars, [finding])
    assert len(refused) == 20 and accepted["session"].max() == DAYS[-2]


def test_provisional_session__a_fifth_of_repeated_bars_tells_it_of_the_newest_session_alone() -> None:
    for place, provisional in ((-1, True), (-30, False)):
        bars = BARS.set_index(["session", "ticker"]).sort_index()
        names = sorted(BARS["ticker"].unique())[:6]
        now, before = ([(DAYS[place + step], name) for name in names] for step in (0, -1))
        bars.loc[now, list(PRICES)] = bars.loc[before, list(PRICES)].to_numpy()
        rules = {finding.rule for finding in refusing(bars.reset_index())}
        assert ("provisional_session" in rules) is provisional and "stale_bar" in rules


def test_provisional_session__a_half_day_is_final() -> None:
    assert refusing(unfinished(1.0, volume=0.4)) == []


def test_wick__of_a_flash_crash_is_no_fault() -> None:
    day = BARS["session"] == DAYS[500]
    crash = BARS.copy()
    crash.loc[day, "low"] *= 0.8
    crash.loc[day & (crash["ticker"] == "S03"), "low"] *= 0.3
    assert refusing(crash) == []
    alone = BARS.copy()
    alone.loc[day & (alone["ticker"] == "S03"), "low"] *= 0.24
    assert [finding.rule for finding in refusing(alone)] == ["wick"]


@pytest.mark.parametrize("name", ["APPLE INC", "Microsoft Corp", "SHELL PLC", "SIEMENS AG"])
def test_implausible_name__a_companys_name_is_no_ticker(name: str) -> None:
    assert implausible(pd.Series({name: 1})) == {name}


@pytest.mark.parametrize("name", ["VOLV B", "NESN SE", "005930 KS", "BRK B", "BF/B", "RDSA.L"])
def test_implausible_name__a_class_or_market_behind_a_space_is_one(name: str) -> None:
    assert implausible(pd.Series({name: 1})) == set()
