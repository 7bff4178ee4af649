from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evergreen.core.drift import RUN_LENGTH, CoverageTest, outside_by_session
from evergreen.core.drift.coverage import LATELY
from evergreen.errors import BadInput

TICKERS = 20


def shares(seed: int, sessions: int, outside: float) -> np.ndarray:
    return np.random.default_rng(seed).binomial(TICKERS, outside, sessions) / TICKERS


def watched(test: CoverageTest, outside: np.ndarray, start: int = 0) -> list[int]:
    """The sessions that brought an alarm."""
    return [start + place for place, share in enumerate(outside) if test.update(start + place, float(share))]


def begun(outside: float = 0.10) -> CoverageTest:
    return CoverageTest(pd.Series(shares(1, 250, outside)), level=0.90)


def test_coverage__intervals_that_hold_are_seldom_reported() -> None:
    alarms = [len(watched(begun(), shares(seed, 1_000, 0.10))) for seed in range(2, 12)]
    assert sum(alarms) <= 10 + 3 * 10**0.5  # ten in 10,000 sessions


def test_coverage__intervals_half_as_wide_are_found_whatever_went_before() -> None:
    for good in (0, 500):
        test = begun()
        watched(test, shares(3, good, 0.08))
        (first, *_) = watched(test, shares(4, 60, 0.40), good)
        assert first - good < 40


def test_coverage__a_record_that_missed_more_than_nominal_is_what_was_promised() -> None:
    test = begun(outside=0.14)
    assert test.promised == pytest.approx(shares(1, 250, 0.14).mean())
    assert begun(outside=0.02).promised == pytest.approx(0.10)


def test_coverage__is_lost_for_twenty_sessions_after_an_alarm_and_then_begins_anew() -> None:
    test = begun()
    alarms = watched(test, np.full(15, 0.8))
    assert alarms and test.lost
    assert watched(test, np.full(LATELY + 10, 0.05), 15) == []
    assert not test.lost
    assert test.evidence < RUN_LENGTH / 10


def test_coverage__same_session_says_nothing_again() -> None:
    test = begun()
    test.update("2008-01-02", 0.5)
    before = test.evidence
    assert not test.update("2008-01-02", 1.0)
    assert test.evidence == before


def test_coverage__refuses_a_record_without_shares() -> None:
    with pytest.raises(BadInput, match="no shares"):
        CoverageTest(pd.Series([], dtype=float), 0.9)


def test_outside_by_session__counts_what_is_known() -> None:
    rows = pd.DataFrame(
        {
            "session": ["a", "a", "a", "b"],
            "outcome": [0.0, 2.0, np.nan, -2.0],
            "lower": [-1.0] * 4,
            "upper": [1.0] * 4,
        }
    )
    assert outside_by_session(rows).to_dict() == {"a": 0.5, "b": 1.0}
