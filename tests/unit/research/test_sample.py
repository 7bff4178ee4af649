from __future__ import annotations

import pandas as pd
import pytest

from evergreen.errors import BadInput, NoBars
from evergreen.research.sample import accepted_sample_bars, sample_bars

AS_OF, FOUR = pd.Timestamp("2007-05-31"), ["AAPL", "IBM", "MSFT", "GOOG"]
KEYS = ["ticker", "session"]


def test_accepted_sample_bars__are_those_of_the_delivery_that_screening_lets_through():
    delivery, bars = sample_bars(AS_OF, FOUR), accepted_sample_bars(AS_OF, FOUR)
    assert 0 < len(delivery) - len(bars) < 10
    assert not pd.MultiIndex.from_frame(bars[KEYS]).difference(pd.MultiIndex.from_frame(delivery[KEYS])).size
    assert delivery["session"].max() == bars["session"].max() == AS_OF


@pytest.mark.parametrize(
    ("as_of", "tickers", "sentence"),
    [
        ("2007-05-31", ["AAPL", "ZZZZ"], "sample has no bars of ZZZZ"),
        ("2007-05-31", ["FB"], "sample has no bars of FB"),
        ("2007-05-31", [], "sample has no bars"),
        ("1990-01-01", ["AAPL"], "sample has no bars of AAPL"),
    ],
)
def test_sample_bars__a_ticker_without_bars_is_told_by_name(as_of, tickers, sentence):
    for read in (sample_bars, accepted_sample_bars):
        with pytest.raises(NoBars, match=sentence):
            read(as_of, tickers)


def test_sample_bars__a_day_that_is_none_is_told():
    with pytest.raises(BadInput, match="'yesterday' is not a session"):
        sample_bars("yesterday", FOUR)
