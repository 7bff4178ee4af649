from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.core.dataset.labels import forward_return, label_span_end
from evergreen.errors import BadInput

SESSIONS = pd.bdate_range("2020-01-01", periods=8).as_unit("us")


def bars_of(closes: dict[str, list[float]], **more: object) -> pd.DataFrame:
    frames = [
        pd.DataFrame({"ticker": ticker, "session": SESSIONS[: len(values)], "close": values})
        for ticker, values in closes.items()
    ]
    return pd.concat(frames, ignore_index=True).assign(**more)


def test_forward_return__is_the_log_ratio_of_adjusted_closes():
    bars = bars_of({"A": [100.0, 50.0, 55.0]}).assign(factor=[0.5, 1.0, 1.0])
    assert forward_return(bars).to_list()[:2] == pytest.approx([0.0, np.log(55 / 50)])
    assert np.isnan(forward_return(bars).iloc[2])


def test_forward_return__counts_sessions_of_the_panel_not_of_the_ticker():
    bars = bars_of({"A": [1.0, 2.0, 3.0, 4.0], "B": [1.0, 2.0, 3.0, 4.0]})
    gap = bars[~((bars["ticker"] == "B") & (bars["session"] == SESSIONS[1]))]
    labels = forward_return(gap)
    assert np.isnan(labels["B", SESSIONS[0]])
    assert labels["B", SESSIONS[2]] == pytest.approx(np.log(4 / 3))


def test_forward_return__unusable_close_has_no_label():
    labels = forward_return(bars_of({"A": [1.0, 0.0, np.inf, 2.0, 2.0]}))
    assert labels.isna().to_list() == [True, True, True, False, True]


def test_forward_return__row_order_does_not_matter_and_input_is_kept():
    bars = bars_of({"B": [1.0, 2.0, 4.0], "A": [3.0, 2.0, 1.0]})
    before = bars.copy()
    pd.testing.assert_series_equal(forward_return(bars), forward_return(bars.iloc[::-1]))
    pd.testing.assert_frame_equal(bars, before)


@given(
    horizon=st.integers(1, 4),
    cut=st.integers(1, 8),
    closes=st.lists(st.floats(1, 100), min_size=8, max_size=8),
)
def test_forward_return__cutting_the_future_only_removes_labels(horizon, cut, closes):
    bars = bars_of({"A": closes})
    whole, known = forward_return(bars, horizon), forward_return(bars.head(cut), horizon)
    assert known.notna().sum() == max(0, cut - horizon)
    pd.testing.assert_series_equal(known.dropna(), whole.head(max(0, cut - horizon)))


def test_forward_return__two_bars_of_one_session_are_refused():
    with pytest.raises(BadInput, match="A has two bars for 2020-01-01"):
        forward_return(pd.concat([bars_of({"A": [1.0]})] * 2))


def test_forward_return__horizon_below_one_is_refused():
    with pytest.raises(BadInput, match="horizon 0"):
        forward_return(bars_of({"A": [1.0]}), 0)


def test_label_span_end__is_horizon_sessions_later():
    ends = label_span_end(pd.DatetimeIndex(SESSIONS), 3)
    assert ends[SESSIONS[0]] == SESSIONS[3]
    assert ends.tail(3).isna().all()
