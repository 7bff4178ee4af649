"""The point-in-time join against a search of every row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.core.dataset.point_in_time import StoredRows, as_of

instant = st.integers(-20, 60)
rows = st.lists(st.tuples(st.integers(-1, 3), instant, instant), max_size=40)
observers = st.lists(st.tuples(st.integers(-1, 4), instant), max_size=30)


def search(
    stored: list[tuple[int, int, int]], code: int, moment: int, reach: int | None, only_known: bool
) -> tuple[int, int] | None:
    """The event and version that an observer sees."""
    seen = [
        (event, created)
        for whose, event, created in stored
        if whose == code >= 0
        and event <= moment
        and (reach is None or event >= moment - reach)
        and (created <= moment or not only_known)
    ]
    return max(seen, default=None)


def arrays(stored: list[tuple[int, int, int]], scale: int = 1) -> StoredRows:
    table = np.array(stored, dtype=np.int64).reshape(-1, 3)
    return StoredRows(table[:, 0], table[:, 1] * scale, table[:, 2] * scale)


@settings(max_examples=300, deadline=None)
@given(
    rows=rows,
    observers=observers,
    reach=st.none() | st.integers(0, 40),
    only_known=st.booleans(),
    scale=st.sampled_from([1, 10**6, 10**17]),  # the last does not fit one machine word with the key
)
def test_as_of__finds_what_a_search_of_every_row_finds(
    rows: list[tuple[int, int, int]],
    observers: list[tuple[int, int]],
    reach: int | None,
    only_known: bool,
    scale: int,
) -> None:
    pairs = np.array(observers, dtype=np.int64).reshape(-1, 2)
    limit = None if reach is None else reach * scale
    positions = as_of(arrays(rows, scale), pairs[:, 0], pairs[:, 1] * scale, limit, only_known)
    for position, (code, moment) in zip(positions, observers, strict=True):
        expected = search(rows, code, moment, reach, only_known)
        assert (None if position < 0 else rows[position][1:]) == expected
        assert position < 0 or rows[position][0] == code


@pytest.mark.parametrize("only_known", [False, True])
def test_as_of__a_late_version_of_an_old_event_never_hides_a_newer_event(only_known: bool) -> None:
    stored = arrays([(0, 1, 1), (0, 2, 2), (0, 1, 5)])
    assert as_of(stored, np.array([0]), np.array([6]), None, only_known).tolist() == [1]


def test_as_of__does_not_change_what_it_was_given() -> None:
    stored = arrays([(1, 3, 3), (0, 2, 9), (0, 2, 1)])
    before = [column.copy() for column in (stored.code, stored.event, stored.created)]
    as_of(stored, np.array([1, 0]), np.array([5, 1]), 4, True)
    assert all((a == b).all() for a, b in zip(before, (stored.code, stored.event, stored.created), strict=True))
