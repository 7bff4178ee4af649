from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from evergreen.core.drift import Counts, Grid, join, make_grid, psi, session_counts
from evergreen.core.drift.grid import quantiles
from evergreen.core.drift.psi import Windows, sliding_psi
from evergreen.errors import BadInput, Broken

SESSIONS = pd.bdate_range("2003-01-01", periods=30)


def frame(seed: int = 1, tickers: int = 5) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product([list("ABCDEFG")[:tickers], SESSIONS], names=["ticker", "session"])
    features = pd.DataFrame(generator.normal(size=(len(index), 3)), index=index, columns=["a", "b", "c"])
    features["b"] = features["b"].round()
    features.iloc[::4, 2] = np.nan
    features.iloc[1::9, 2] = np.inf
    return features.astype(np.float32)


def slow_counts(features: pd.DataFrame, grid: Grid) -> np.ndarray:
    sessions = sorted(set(features.index.get_level_values("session")))
    values = np.zeros((len(sessions), len(grid.features), grid.bins), int)
    for (_, session), row in features.iterrows():
        for column, name in enumerate(grid.features):
            value = float(row[name])
            place = sum(edge <= value for edge in grid.edges[column]) if np.isfinite(value) else grid.bins - 1
            values[sessions.index(session), column, place] += 1
    return values


def slow_psi(reference: np.ndarray, current: np.ndarray) -> float:
    total = reference[:-1].sum()
    groups, below = {}, 0.0
    for place, count in enumerate(reference[:-1]):
        decile = min(int(10 * (below + count / 2) / total), 9) if total else 0
        groups.setdefault(decile, []).append(place)
        below += count
    groups[10] = [len(reference) - 1]
    answer = 0.0
    for places in groups.values():
        r = max(reference[places].sum() / reference.sum(), 1e-4)
        c = max(current[places].sum() / current.sum(), 1e-4)
        answer += (c - r) * np.log(c / r)
    return answer


def test_session_counts__equals_counting_by_hand() -> None:
    features = frame()
    grid = make_grid(features, bins=12)
    counted = session_counts(features, grid)
    assert np.array_equal(counted.values, slow_counts(features, grid))
    assert list(counted.sessions) == list(SESSIONS)


def test_session_counts__rows_may_come_in_any_order() -> None:
    features = frame()
    grid = make_grid(features)
    shuffled = session_counts(features.sample(frac=1, random_state=3), grid)
    assert np.array_equal(shuffled.values, session_counts(features, grid).values)


def test_make_grid__copes_with_constant_and_missing_features() -> None:
    features = frame().assign(constant=2.0, missing=np.nan)
    grid = make_grid(features)
    assert grid.cuts(3).tolist() == [2.0]
    assert grid.cuts(4).tolist() == []
    counted = session_counts(features, grid).values
    assert (counted[:, 3, 1] == 5).all()
    assert (counted[:, 4, -1] == 5).all()
    with pytest.raises(BadInput, match="0 rows"):
        make_grid(features.iloc[:0])


@pytest.mark.parametrize("rows", [1, 2, 7, 50, 51, 10_000])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_quantiles__of_sorted_values_are_those_of_numpy_to_the_bit(rows: int, kind: type) -> None:
    values = np.random.default_rng(rows).standard_t(3, rows).astype(kind)
    shares = np.arange(1, 50) / 50
    assert np.array_equal(quantiles(np.sort(values), shares), np.quantile(values.astype(np.float64), shares))


def test_session_counts__columns_in_another_order_are_counted_by_name() -> None:
    features = frame()
    grid, turned = make_grid(features), features[features.columns[::-1]]
    assert np.array_equal(session_counts(turned, grid).values, session_counts(features, grid).values)


def test_session_counts__a_feature_that_is_gone_is_named() -> None:
    with pytest.raises(BadInput, match="'b'"):
        session_counts(frame().drop(columns="b"), make_grid(frame()))


def test_join__later_parts_replace_sessions() -> None:
    features, grid = frame(), make_grid(frame())
    other = session_counts(frame(2), grid)
    whole = join([session_counts(features, grid), other.upto(SESSIONS[4])])
    assert np.array_equal(whole.values[:5], other.values[:5])
    assert np.array_equal(whole.values[5:], session_counts(features, grid).values[5:])
    with pytest.raises(BadInput, match="one grid"):
        join([other, session_counts(features, make_grid(features, bins=20))])


def test_upto__never_looks_past_as_of() -> None:
    counted = session_counts(frame(), make_grid(frame()))
    assert list(counted.upto(SESSIONS[9], 4).sessions) == list(SESSIONS[6:10])
    assert list(counted.upto(SESSIONS[9] + pd.Timedelta(hours=12)).sessions) == list(SESSIONS[:10])


def test_counts__come_back_from_bytes() -> None:
    counted = session_counts(frame(), make_grid(frame()))
    again = Counts.from_bytes(counted.to_bytes())
    assert np.array_equal(again.values, counted.values)
    assert again.sessions.equals(counted.sessions)
    assert again.grid.same(counted.grid)
    assert again.to_bytes() == counted.to_bytes()
    for spoiled in (b"", counted.to_bytes()[:-40], b"PK" + counted.to_bytes()):
        with pytest.raises(Broken, match="drift data"):
            Counts.from_bytes(spoiled[: len(spoiled) // 2])


tables = arrays.arrays(np.int64, 23, elements=st.integers(0, 50)).filter(lambda counts: counts.sum() > 0)


@settings(max_examples=200, deadline=None)
@given(tables, tables)
def test_psi__equals_the_formula(reference: np.ndarray, current: np.ndarray) -> None:
    fast = float(psi(reference, current))
    assert fast == pytest.approx(slow_psi(reference, current), abs=1e-9)
    assert fast >= 0


def test_psi__of_a_window_with_itself_is_nothing() -> None:
    counts = np.arange(1, 24)
    assert psi(counts, 7 * counts) == pytest.approx(0)


def test_psi__without_any_value_is_unknown() -> None:
    assert np.isnan(psi(np.ones(23), np.zeros(23)))


def test_sliding_psi__equals_each_window_by_itself() -> None:
    counted, windows = session_counts(frame(), make_grid(frame(), 20)).values, Windows(12, 4)
    ends = np.arange(16, 31, 2)
    fast = sliding_psi(counted, ends, windows)
    for row, end in enumerate(ends):
        reference, current = counted[end - 16 : end - 4].sum(axis=0), counted[end - 4 : end].sum(axis=0)
        assert fast[row] == pytest.approx(psi(reference, current))
