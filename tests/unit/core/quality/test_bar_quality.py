from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.schema import NUMBERS, PRICES, conform
from evergreen.core.bars.session import iso
from evergreen.core.market import simulate
from evergreen.core.quality import RULES, Finding, blocks, check, screen, split
from evergreen.core.quality.policy import policy_table

DAYS = Calendar("XNYS").sessions(pd.Timestamp("2008-01-02"), pd.Timestamp("2008-03-31"))
CLEAN = simulate(4, DAYS, seed=1)


def spoiled(ticker: str, at: int, **values: float) -> pd.DataFrame:
    row = (CLEAN["ticker"] == ticker) & (CLEAN["session"] == DAYS[at])
    bars = CLEAN.copy()
    for column, value in values.items():
        bars.loc[row, column] = value
    return bars


def rules(findings: list[Finding]) -> set[str]:
    return {finding.rule for finding in findings}


def test_check__finds_nothing_in_clean_bars_in_any_order() -> None:
    assert check(CLEAN, DAYS) == []
    assert check(CLEAN.sample(frac=1, random_state=1), DAYS) == []
    assert check(CLEAN.iloc[:0], DAYS) == []


@pytest.mark.parametrize(
    ("rule", "values"),
    [
        ("not_finite", {"close": np.nan}),
        ("not_finite", {"volume": np.inf}),
        ("not_positive", {"factor": 0.0}),
        ("not_positive", {"low": -1.0}),
        ("negative_volume", {"volume": -5.0}),
        ("zero_volume", {"volume": 0.0}),
        ("high_not_highest", {"high": 0.5}),
        ("low_not_lowest", {"low": 1e6}),
    ],
)
def test_check__names_ticker_session_column_and_value(rule: str, values: dict[str, float]) -> None:
    column, value = next(iter(values.items()))
    first = next(finding for finding in check(spoiled("S2", 7, **values), DAYS) if finding.rule == rule)
    assert (first.ticker, first.session, first.column) == ("S2", DAYS[7], column)
    np.testing.assert_equal(first.value, value)
    json.dumps(first.to_dict(), allow_nan=False)


def test_check__names_a_future_bar_and_bars_without_name_or_date() -> None:
    assert rules(check(CLEAN, DAYS[:-1])) == {"future_session"}
    assert rules(check(CLEAN, DAYS, as_of=DAYS[-2])) == {"future_session"}
    assert "ticker_missing" in rules(check(CLEAN.assign(ticker=CLEAN["ticker"].replace("S1", " ")), DAYS))
    nameless = CLEAN.assign(session=CLEAN["session"].where(CLEAN.index != 3))
    assert rules(check(nameless, DAYS)) == {"session_missing", "missing_sessions", "thin_coverage"}


def test_check__tells_equal_copies_from_conflicting_ones() -> None:
    assert rules(check(pd.concat([CLEAN, CLEAN.iloc[3:5]]), DAYS)) == {"repeated_bar"}
    other = CLEAN.iloc[3:5].assign(volume=7.0)
    findings = check(pd.concat([CLEAN, other]), DAYS)
    assert rules(findings) == {"conflicting_bars"} and [len(finding.days) for finding in findings] == [4]


def real(ticker: str, start: str, end: str) -> pd.DataFrame:
    from bokeh_sampledata import stocks

    bars = stocks.data.rename(columns={"date": "session"})
    bars["factor"] = bars["adj_close"] / bars["close"]
    return conform(bars[(bars["ticker"] == ticker) & bars["session"].between(start, end)])


@pytest.mark.parametrize(
    ("ticker", "session"), [("AAPL", "2000-06-21"), ("AAPL", "2005-02-28"), ("MSFT", "2003-02-18")]
)
def test_check__tells_real_splits_with_and_without_their_factor(ticker: str, session: str) -> None:
    day = pd.Timestamp(session)
    bars = real(ticker, iso(day - pd.Timedelta(days=40)), iso(day + pd.Timedelta(days=9)))
    days = Calendar("XNYS").sessions(bars["session"].min(), bars["session"].max())
    assert check(bars, days) == []
    findings = check(bars.assign(factor=1.0), days)
    assert [(finding.rule, finding.session) for finding in findings] == [("unadjusted_split", day)]
    only = bars.assign(factor=1.0)
    alone = check(only[only["session"] == day], days, history=only[only["session"] < day])
    assert alone == findings
    factor_only = bars.assign(**{name: bars[name] * bars["factor"] for name in PRICES})
    assert ("unadjusted_split", day) in {(f.rule, f.session) for f in check(factor_only, days)}


def test_check__takes_the_real_crash_of_apple_for_a_crash() -> None:
    bars = real("AAPL", "2000-08-01", "2000-11-30")
    days = Calendar("XNYS").sessions(bars["session"].min(), bars["session"].max())
    assert check(bars.assign(factor=1.0), days) == []


def slow_rules(bars: pd.DataFrame, days: pd.DatetimeIndex) -> set[tuple[str, int, str]]:
    """Row by row, in plain Python: what the vectorised row rules must find."""
    known, last, broken = set(days), days[-1], set()
    for row, bar in enumerate(bars.to_dict("records")):
        for column in NUMBERS:
            if not np.isfinite(bar[column]):
                broken.add(("not_finite", row, column))
            if column != "volume" and bar[column] <= 0:
                broken.add(("not_positive", row, column))
        if bar["volume"] < 0:
            broken.add(("negative_volume", row, "volume"))
        if bar["volume"] == 0:
            broken.add(("zero_volume", row, "volume"))
        if any(bar["high"] < bar[other] - 1e-9 * abs(bar["high"]) for other in PRICES):
            broken.add(("high_not_highest", row, "high"))
        if any(bar["low"] > bar[other] + 1e-9 * abs(bar["low"]) for other in PRICES):
            broken.add(("low_not_lowest", row, "low"))
        if bar["session"] > last:
            broken.add(("future_session", row, "session"))
        elif bar["session"] not in known:
            broken.add(("not_a_session", row, "session"))
    return broken


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_screen__equals_a_slow_reading_of_the_row_rules(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bars = CLEAN.iloc[:30].copy()
    for _ in range(rng.integers(0, 8)):
        column = rng.choice(NUMBERS)
        bars.loc[rng.integers(30), column] = rng.choice([np.nan, np.inf, -np.inf, 0.0, -1.0, 1.0, 1e9])
    bars.loc[rng.integers(30), "session"] += pd.Timedelta(days=int(rng.integers(0, 90)))
    days = DAYS[: rng.integers(10, 40)]
    screening = screen(bars, days)
    names = {rule.name: rule.columns for rule in RULES}
    slow = slow_rules(screening.bars, days)
    off_calendar = dict.fromkeys(("shifted_dates", "special_session"), "not_a_session")
    fast = {
        (off_calendar.get(name, name), int(row), names[name][column])
        for name in {"not_finite", "not_positive", "negative_volume", "zero_volume", "high_not_highest"}
        | {"low_not_lowest", "future_session", "not_a_session", *off_calendar}
        for row, column in zip(*np.nonzero(screening.broken[name]), strict=True)
    }
    assert fast == slow


def test_split__takes_the_bar_the_ticker_the_session_or_all_as_the_policy_says() -> None:
    bar = spoiled("S2", 7, close=np.nan)
    accepted, refused = split(bar, check(bar, DAYS))
    assert [(row.ticker, row.session) for row in refused.itertuples()] == [("S2", DAYS[7])]
    halved = CLEAN.copy()
    later = (halved["ticker"] == "S1") & (halved["session"] >= DAYS[20])
    halved.loc[later, list(PRICES)] /= 2
    accepted, refused = split(halved, check(halved, DAYS))
    assert set(refused["ticker"]) == {"S1"} and "S1" not in set(accepted["ticker"])
    half_gone = CLEAN.assign(open=CLEAN["open"].where((CLEAN["session"] != DAYS[9]) | (CLEAN["ticker"] > "S1")))
    accepted, refused = split(half_gone, check(half_gone, DAYS))
    assert set(refused["session"]) == {DAYS[9]} and len(refused) == 4
    moved = CLEAN.assign(session=CLEAN["session"] - pd.Timedelta(days=1))
    accepted, refused = split(moved, check(moved, DAYS))
    assert accepted.empty and len(refused) == len(CLEAN)


def test_blocks__when_nothing_is_left() -> None:
    today = CLEAN[CLEAN["session"] == DAYS[-1]].assign(volume=0.0)
    assert blocks(today, check(today, DAYS[-1:]))
    one_bad_day = CLEAN.assign(volume=CLEAN["volume"].where(CLEAN["session"] != DAYS[9], 0.0))
    assert not blocks(one_bad_day, check(one_bad_day, DAYS))
    assert not blocks(CLEAN, check(CLEAN, DAYS[:-1]))


def test_split__of_a_sound_delivery_gives_back_its_bars_and_copies_none() -> None:
    bars = conform(CLEAN)
    accepted, refused = split(bars, [])
    assert accepted is bars and refused.empty
    assert split(CLEAN, [])[0].equals(bars)


def test_split__drops_equal_copies() -> None:
    doubled = pd.concat([CLEAN, CLEAN])
    accepted, refused = split(doubled, check(doubled, DAYS))
    assert refused.empty
    pd.testing.assert_frame_equal(accepted, CLEAN)


def test_policy__is_documented_as_it_is() -> None:
    page = Path(__file__).parents[4] / "docs" / "validation.md"
    assert policy_table() in page.read_text(encoding="utf-8")


def test_findings__of_many_bars_are_one_a_ticker_and_refuse_each_of_them() -> None:
    rng = np.random.default_rng(3)
    holes = CLEAN.assign(close=CLEAN["close"].where(rng.random(len(CLEAN)) > 0.25))
    findings = [finding for finding in check(holes, DAYS) if finding.rule == "not_finite"]
    gone = holes[holes["close"].isna()]
    assert [(finding.ticker, len(finding.days)) for finding in findings] == list(
        gone["ticker"].value_counts(sort=False).items()
    )
    assert findings[0].to_dict()["count"] == len(findings[0].days)
    assert findings[0].message.endswith(f"({len(findings[0].days)} bars)")
    _, refused = split(holes, findings)
    pd.testing.assert_frame_equal(refused[["ticker", "session"]], gone[["ticker", "session"]].reset_index(drop=True))
