from __future__ import annotations

import pandas as pd

from evergreen.adapters import gx
from evergreen.adapters.monitoring.session_bands import judge_profile
from evergreen.core.bars.schema import PRICES
from evergreen.core.market import simulate

BARS = simulate(60, 40, seed=9)
LAST = BARS["session"].max()
PAST, TODAY = BARS[BARS["session"] < LAST], BARS[BARS["session"] == LAST]


def violations(scaled: dict[str, float]) -> set[tuple[str, str]]:
    today = TODAY.assign(**{name: TODAY[name] * by for name, by in scaled.items()})
    return {(finding.rule, finding.column) for finding in judge_profile(today, PAST)}


def test_judge_profile__warns_of_a_session_unlike_those_before() -> None:
    assert violations({}) == set()
    assert violations({"volume": 100.0}) == {("unusual_profile", "turnover")}
    assert ("unusual_profile", "move") in violations(dict.fromkeys(PRICES, 1.5))
    assert ("unusual_profile", "range") in violations({"high": 1.5})


def test_judge_profile__warns_of_a_deviation_that_grew_while_the_mean_stayed() -> None:
    odd = TODAY["ticker"] < "S30"
    volume = TODAY["volume"].where(odd, TODAY["volume"] * 100).where(~odd, TODAY["volume"] / 100)
    findings = judge_profile(TODAY.assign(volume=volume), PAST)
    assert [(finding.column, "stddev" in finding.message) for finding in findings] == [("turnover", True)]


def test_validate__hears_the_profile_where_there_are_names_enough() -> None:
    odd = TODAY.assign(volume=TODAY["volume"] * 100)
    days = pd.DatetimeIndex([LAST])
    assert [finding.rule for finding in gx.validate(odd, days, history=PAST).findings] == ["unusual_profile"]
    few = odd["ticker"] < "S20"
    report = gx.validate(odd[few], days, history=PAST)
    assert report.findings == [] and report.success


def test_judge_profile__has_no_band_without_history() -> None:
    assert judge_profile(TODAY.assign(volume=1e12), PAST.iloc[:0]) == []
