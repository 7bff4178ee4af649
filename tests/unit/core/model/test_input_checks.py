from __future__ import annotations

import numpy as np

from evergreen.core.model.input_checks import examine, training_range


def rows(seed: int, number: int, features: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(number, features)).astype(np.float32)


def test_training_range__leaves_out_the_wildest_value_in_ten_thousand() -> None:
    matrix = rows(1, 50_000, features=3)
    matrix[7, 0], matrix[8, 1], matrix[:, 2] = 1e6, np.nan, np.nan
    low, high = training_range(matrix)
    assert 3 < float(high[0] or 0) < 5 and -5 < float(low[0] or 0) < -3
    assert (low[2], high[2]) == (None, None)


def test_training_range__of_many_rows_is_that_of_a_seeded_sample() -> None:
    matrix = rows(2, 300_000, features=2)
    assert training_range(matrix) == training_range(matrix)
    assert abs(float(training_range(matrix)[1][0] or 0) - np.quantile(matrix[:, 0], 0.9999)) < 0.4


def test_examine__rows_like_those_of_training_are_in_order() -> None:
    inputs = examine(rows(3, 2_000), *training_range(rows(4, 50_000)))
    flagged = [inputs.is_out_of_distribution(row) or inputs.is_incomplete(row) for row in range(2_000)]
    assert not any(flagged)


def test_examine__counts_what_is_missing_and_what_is_beyond() -> None:
    seen = rows(5, 3)
    seen[1, :9], seen[2, :4] = np.nan, 50.0
    inputs = examine(seen, (-10.0,) * 40, (10.0,) * 40)
    assert inputs.missing.tolist() == [0.0, 9 / 40, 0.0] and inputs.outside.tolist() == [0.0, 0.0, 4 / 40]
    assert inputs.is_incomplete(1) and not inputs.is_incomplete(2)
    assert inputs.is_out_of_distribution(2) and not inputs.is_out_of_distribution(1)


def test_examine__without_a_known_range_calls_nothing_unusual() -> None:
    assert examine(rows(6, 2) * 1e6, (), ()).outside.tolist() == [0.0, 0.0]
    assert examine(rows(6, 2) * 1e6, (None,) * 40, (None,) * 40).outside.tolist() == [0.0, 0.0]
