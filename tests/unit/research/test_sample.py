from __future__ import annotations

import pandas as pd

from evergreen.research.sample import accepted_sample_bars, sample_bars

AS_OF, FOUR = pd.Timestamp("2007-05-31"), ["AAPL", "IBM", "MSFT", "GOOG"]
KEYS = ["ticker", "session"]


def test_accepted_sample_bars__are_those_of_the_delivery_that_screening_lets_through():
    delivery, bars = sample_bars(AS_OF, FOUR), accepted_sample_bars(AS_OF, FOUR)
    assert 0 < len(delivery) - len(bars) < 10
    assert not pd.MultiIndex.from_frame(bars[KEYS]).difference(pd.MultiIndex.from_frame(delivery[KEYS])).size
    assert delivery["session"].max() == bars["session"].max() == AS_OF
