from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.core.dataset.labels import forward_return, label_span_end
from evergreen.core.dataset.splits import purged_tail, walk_forward
from evergreen.errors import BadInput

shapes = {
    "folds": st.integers(1, 6),
    "test_size": st.integers(1, 15),
    "horizon": st.integers(1, 20),
    "embargo": st.integers(0, 10),
    "first_train": st.integers(1, 40),
}


def split(folds, test_size, horizon, embargo, first_train):
    sessions = pd.bdate_range("2001-01-01", periods=first_train + horizon + embargo + folds * test_size)
    return sessions, walk_forward(sessions, folds, test_size, horizon, embargo, min_train=first_train)


@given(**shapes)
def test_walk_forward__label_span_never_touches_test(folds, test_size, horizon, embargo, first_train):
    sessions, made_folds = split(folds, test_size, horizon, embargo, first_train)
    ends = label_span_end(sessions, horizon)
    for fold in made_folds:
        gap = sessions.get_loc(fold.test[0]) - sessions.get_loc(ends[fold.train].max())
        assert gap == embargo + 1


@given(**shapes)
def test_walk_forward__tests_are_consecutive_and_end_with_the_last_session(
    folds, test_size, horizon, embargo, first_train
):
    sessions, made_folds = split(folds, test_size, horizon, embargo, first_train)
    judged = [session for fold in made_folds for session in fold.test]
    assert judged == list(sessions[-folds * test_size :])


@given(**shapes)
def test_walk_forward__training_expands_from_the_first_session(folds, test_size, horizon, embargo, first_train):
    sessions, made_folds = split(folds, test_size, horizon, embargo, first_train)
    assert [len(fold.train) for fold in made_folds] == [first_train + i * test_size for i in range(folds)]
    assert all(fold.train[0] == sessions[0] for fold in made_folds)


def test_walk_forward__too_few_sessions_say_how_many_there_are():
    with pytest.raises(BadInput, match="100 labelled sessions leave 34"):
        walk_forward(pd.bdate_range("2001-01-01", periods=100), 2, 30)


@pytest.mark.parametrize("wrong", [{"folds": 0}, {"test_size": 0}, {"horizon": 0}, {"embargo": -1}])
def test_walk_forward__unusable_numbers_are_refused(wrong):
    with pytest.raises(BadInput, match="make no folds"):
        walk_forward(pd.bdate_range("2001-01-01", periods=100), **({"folds": 1, "test_size": 5} | wrong))


def test_walk_forward__unordered_sessions_are_refused():
    with pytest.raises(BadInput, match="increasing"):
        walk_forward(pd.bdate_range("2001-01-01", periods=400)[::-1], 1, 5)


def test_purged_tail__leaves_horizon_and_embargo_between():
    sessions = pd.bdate_range("2001-01-01", periods=50)
    head, tail = purged_tail(sessions, 10, horizon=3, embargo=2)
    assert (len(head), list(tail)) == (35, list(sessions[-10:]))


@given(st.integers(1, 5), st.integers(0, 4), st.integers(0, 10_000))
def test_walk_forward__no_label_of_a_ticker_with_gaps_spans_into_a_test(horizon, embargo, seed):
    """Labels are counted on the panel's sessions: a ticker's own gaps cannot stretch one over the border."""
    sessions = pd.bdate_range("2001-01-01", periods=80)
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product([["A", "B", "C"], sessions], names=["ticker", "session"])
    bars = pd.DataFrame({"close": np.exp(rng.normal(size=len(index)))}, index=index)
    bars = bars[rng.random(len(index)) > 0.3].reset_index()
    known = pd.DatetimeIndex(np.sort(bars["session"].unique()))
    before = forward_return(bars, horizon)
    for fold in walk_forward(known, 2, 10, horizon, embargo, min_train=10):
        jumped = bars.assign(close=bars["close"].where(bars["session"] < fold.test[0], 1e3 * bars["close"]))
        after = forward_return(jumped, horizon)
        trained = before.index.get_level_values("session").isin(fold.train)
        pd.testing.assert_series_equal(before[trained], after[trained])
