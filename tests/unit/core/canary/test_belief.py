from __future__ import annotations

import numpy as np
import pytest

from evergreen.core.canary import QualityTest
from evergreen.core.canary.belief import Measured, contradicts, expected_gain, measure
from evergreen.core.canary.rules import Rules

SCALE = 0.1


def sessions(seed: int, number: int, mean: float) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, SCALE / 2, number)


def test_expected_gain__is_nothing_without_evidence_and_far_less_than_a_short_one_says() -> None:
    assert expected_gain(SCALE, None, np.zeros(0)) == 0
    r = sessions(1, 60, 0.03)
    assert 0 < expected_gain(SCALE, None, r) < r.mean() / 4


def test_expected_gain__lies_between_record_and_canary_and_follows_the_surer() -> None:
    r = sessions(2, 60, -0.02)
    sure, vague = (expected_gain(SCALE, Measured(0.01, error), r) for error in (0.001, 0.1))
    assert sure > 0 > vague


def test_expected_gain__comes_close_to_the_truth_with_many_sessions() -> None:
    assert expected_gain(SCALE, None, sessions(3, 100_000, 0.02)) == pytest.approx(0.02, rel=0.1)


def test_contradicts__a_record_that_shines_is_belied_by_sessions_of_noise() -> None:
    shining = Measured(0.05, 0.003)
    assert contradicts(SCALE, shining, sessions(5, 60, -0.01))
    assert not contradicts(SCALE, shining, sessions(5, 60, 0.05))
    assert not contradicts(SCALE, None, sessions(5, 60, -0.05))
    assert not contradicts(SCALE, shining, np.zeros(0))


def test_contradicts__takes_an_honest_record_for_a_lie_as_often_as_it_says() -> None:
    honest = [
        contradicts(SCALE, measure(sessions(2 * seed, 500, 0.01)), sessions(2 * seed + 1, 60, 0.01))
        for seed in range(600)
    ]
    assert np.mean(honest) <= 0.05 + 3 * (0.05 * 0.95 / 600) ** 0.5


def test_quality__expects_what_its_frozen_record_says_before_its_first_session() -> None:
    test = QualityTest.under(Rules(SCALE, 0.0, record=0.01, record_error=0.001))
    before = test.expected_gain
    assert 0 < before < 0.01
    for number, r in enumerate(sessions(4, 30, -0.05)):
        test.update(number, 1.0, (2 - r) / (2 + r))
    assert test.expected_gain < before
    assert QualityTest.from_json(test.to_json()).expected_gain == test.expected_gain
    assert test.highest_e_rollback == max(look.e_rollback for look in test.path) > 3
