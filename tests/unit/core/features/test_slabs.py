"""Runs of months of a long history."""

from __future__ import annotations

import pandas as pd
import pytest

from evergreen.core.features.slabs import slabs

SESSIONS = pd.bdate_range("2007-11-15", "2009-02-10").as_unit("us")


@pytest.mark.parametrize("most", [1, 30, 70, 1_000])
def test_slabs__are_the_sessions_in_order_and_each_of_whole_months_of_one_year(most: int) -> None:
    runs = list(slabs(SESSIONS, most))
    parts = [SESSIONS[SESSIONS.slice_indexer(first, last)] for first, last in runs]
    assert parts[0].append(parts[1:]).equals(SESSIONS)
    for part in parts:
        assert len(set(part.year)) == 1
        assert len(part) <= most or len(set(part.month)) == 1
        assert SESSIONS[SESSIONS.to_period("M") == part[0].to_period("M")][0] == part[0]


def test_slabs__are_as_few_as_the_bound_allows() -> None:
    assert [str(first.date()) for first, _ in slabs(SESSIONS, 1_000)] == ["2007-11-15", "2008-01-01", "2009-01-01"]
    assert len(list(slabs(SESSIONS, 1))) == 16


def test_slabs__of_nothing_are_none() -> None:
    assert list(slabs(SESSIONS[:0], 10)) == []
