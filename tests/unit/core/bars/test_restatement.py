from __future__ import annotations

import numpy as np
import pandas as pd

from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.restatement import RestatedBar, compare
from evergreen.core.bars.schema import NUMBERS
from evergreen.core.market import simulate

DAYS = Calendar("XNYS").sessions(pd.Timestamp("2008-01-02"), pd.Timestamp("2008-02-29"))
EARLY, LATE = pd.Timestamp("2008-03-01", tz="UTC"), pd.Timestamp("2008-03-05", tz="UTC")
BARS = simulate(4, DAYS, seed=2).assign(known_at=EARLY)


def test_compare__names_each_number_that_differs_like_a_slow_reading() -> None:
    rng = np.random.default_rng(1)
    after = BARS.copy()
    for row, name in zip(rng.choice(len(BARS), 20, replace=False), rng.choice(NUMBERS, 20), strict=True):
        after.loc[row, ["known_at"]] = LATE
        after.loc[row, name] = after.loc[row, name] * 1.001
    after.loc[7, "volume"] = np.nan
    difference = compare(BARS, after.sample(frac=1, random_state=0))
    slow = {
        (bar["ticker"], bar["session"], name): (bar[name], after.loc[row, name])
        for row, bar in BARS.iterrows()
        for name in NUMBERS
        if bar[name] != after.loc[row, name]
    }
    fast = {
        (ticker, session, column): (before, later)
        for ticker, session, column, before, later in difference.restated.iloc[:, :5].itertuples(index=False, name=None)
    }
    np.testing.assert_equal(fast, slow)
    assert len(slow) == 21 and difference.added.empty and difference.withdrawn.empty
    assert all(bar.first_known == EARLY for bar in difference.bars())


def test_compare__tells_added_and_withdrawn_apart_and_is_the_same_backwards() -> None:
    before, after = BARS[BARS["session"] < DAYS[-1]], BARS[BARS["ticker"] != "S2"]
    forth, back = compare(before, after), compare(after, before)
    assert (len(forth.added), len(forth.withdrawn), len(forth.restated)) == (3, len(DAYS) - 1, 0)
    pd.testing.assert_frame_equal(forth.added, back.withdrawn)
    assert forth.bars() == []


def test_bars__orders_the_two_moments_whichever_way_it_was_asked() -> None:
    after = BARS.iloc[[3]].assign(close=1.0, volume=2.0, known_at=LATE)
    bar = RestatedBar("S0", DAYS[3], EARLY, LATE)
    assert compare(BARS, after).bars() == compare(after, BARS).bars() == [bar]


def test_compare__nan_told_twice_is_no_restatement() -> None:
    hole = BARS.assign(volume=np.nan)
    assert compare(hole, hole.assign(known_at=LATE)).restated.empty
