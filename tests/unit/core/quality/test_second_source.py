from __future__ import annotations

import numpy as np
import pandas as pd

from evergreen.core.bars.calendar import Calendar
from evergreen.core.market import simulate
from evergreen.core.quality.second_source import disagreements

DAYS = Calendar("XNYS").sessions(pd.Timestamp("2008-01-02"), pd.Timestamp("2008-06-30"))
BARS = simulate(5, DAYS, seed=2)
NOISE = np.random.default_rng(0).normal(0, 5e-4, len(BARS))
SECOND_SOURCE = BARS.assign(close=BARS["close"] * 2.5 * np.exp(NOISE), factor=BARS["factor"] / 7)  # anchored elsewhere
KNOWN, NEW = BARS[BARS["session"] < DAYS[60]], BARS[BARS["session"] >= DAYS[60]]


def test_disagreements__honest_vendors_agree_whatever_their_anchor() -> None:
    assert disagreements(NEW, KNOWN, SECOND_SOURCE) == []
    assert disagreements(BARS, BARS.iloc[:0], SECOND_SOURCE) == []


def test_disagreements__name_the_wrong_close_alone() -> None:
    wrong = NEW.assign(close=NEW["close"].where(NEW.index != 90, NEW["close"] * 1.02))
    findings = disagreements(wrong, KNOWN, SECOND_SOURCE)
    bar = BARS.loc[90]
    assert [(each.rule, each.ticker, each.session) for each in findings] == [
        ("second_source_disagrees", bar["ticker"], bar["session"])
    ]
    assert "+2.0%" in findings[0].message and findings[0].severity == "quarantine"


def test_disagreements__judge_a_single_session_by_the_sessions_before_it() -> None:
    today = NEW[NEW["session"] == DAYS[60]]
    halved = today.assign(close=today["close"] / 2)
    assert disagreements(today, KNOWN, SECOND_SOURCE) == []
    assert {each.ticker for each in disagreements(halved, KNOWN, SECOND_SOURCE)} == set(BARS["ticker"])


def test_disagreements__say_nothing_where_the_second_source_has_nothing() -> None:
    assert disagreements(NEW, KNOWN, SECOND_SOURCE.iloc[:0]) == []
    spoiled = SECOND_SOURCE.assign(close=np.nan)
    assert disagreements(NEW, KNOWN, spoiled) == []
