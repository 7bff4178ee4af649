from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evergreen.core.evaluation.diebold_mariano import dm_test, scale
from evergreen.errors import BadInput


def slow_dm(r: np.ndarray) -> tuple[float, int]:
    T = len(r)
    B = max(1, math.floor(0.4 * T ** (2 / 3)))
    squares = []
    for j in range(1, B + 1):
        total = sum(r[t - 1] * math.cos(math.pi * j * (t - 0.5) / T) for t in range(1, T + 1))
        squares.append((math.sqrt(2 / T) * total) ** 2)
    return math.sqrt(T) * r.mean() / math.sqrt(np.mean(squares)), B


@given(st.integers(2, 300), st.integers(0, 2**32 - 1))
def test_dm_test__equals_the_formula_written_out(sessions, seed):
    r = np.random.default_rng(seed).normal(0.1, 1.0, sessions)
    statistic, B = slow_dm(r)
    test = dm_test(r)
    assert (test.dof, test.sessions) == (B, sessions)
    assert test.statistic == pytest.approx(statistic, rel=1e-6)
    assert test.p_better == pytest.approx(stats.t.sf(statistic, B), rel=1e-5)
    assert test.p_better + test.p_worse == pytest.approx(1.0)


def test_dm_test__bounds_agree_with_the_one_sided_p():
    r = np.random.default_rng(3).normal(0.2, 1.0, 150)
    test = dm_test(r)
    assert dm_test(r - test.lower90).p_better == pytest.approx(0.10)
    assert dm_test(r - test.upper90).p_worse == pytest.approx(0.10)
    assert test.interval(0.80) == pytest.approx((test.lower90, test.upper90))


@pytest.mark.parametrize("phi", [0.0, 0.5])
def test_dm_test__holds_its_level_under_autocorrelation(phi):
    rng = np.random.default_rng(11)
    shocks = rng.standard_t(5, (600, 250))
    series = np.zeros_like(shocks)
    for t in range(1, 250):
        series[:, t] = phi * series[:, t - 1] + shocks[:, t]
    share = np.mean([dm_test(row).p_better < 0.05 for row in series])
    assert share <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 600)


def test_dm_test__no_difference_at_all_is_no_evidence():
    test = dm_test(np.zeros(150))
    assert (test.p_better, test.p_worse, test.lower90) == (0.5, 0.5, 0.0)


def test_dm_test__gaps_are_refused():
    for wrong in ([0.1], [0.1, np.nan]):
        with pytest.raises(BadInput, match="at least two finite values"):
            dm_test(wrong)


def test_scale__is_two_standard_deviations_of_normal_values_and_ignores_outliers():
    r = np.random.default_rng(5).normal(0.3, 0.1, 20_000)
    assert scale(r) == pytest.approx(0.2, rel=0.02)
    assert scale(np.append(r, [1e6] * 10)) == pytest.approx(0.2, rel=0.02)
