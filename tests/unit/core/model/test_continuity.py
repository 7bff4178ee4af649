from __future__ import annotations

import json

import numpy as np
import pytest

from evergreen.core.model.continuity import FALSE_ALARM, Continuity, measure_continuity

FOLDS, ROWS = 8, 300
SIZES = [ROWS] * FOLDS


def chain(seed: int, last: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """Forecasts of folds, and of each one's next model, which agrees with it by 0.8 or so; the last by `last`."""
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(FOLDS, ROWS))
    agreement = np.tanh(rng.normal(np.arctanh(0.8), 0.15, FOLDS))
    agreement[-1] = np.tanh(rng.normal(np.arctanh(last), 0.15))
    noise = rng.normal(size=own.shape)
    following = agreement[:, None] * own + np.sqrt(1 - agreement[:, None] ** 2) * noise
    return own.ravel(), following.ravel()


def test_continuity__takes_sound_models_for_broken_ones_as_often_as_it_says() -> None:
    measured = [measure_continuity(*chain(seed), SIZES) for seed in range(1000)]
    alarms = np.mean([bool(each.objection) for each in measured if each])
    assert alarms <= FALSE_ALARM + 3 * (FALSE_ALARM * (1 - FALSE_ALARM) / 1000) ** 0.5


@pytest.mark.parametrize("last", [0.0, -0.8])
def test_continuity__finds_a_final_model_that_its_record_does_not_speak_of(last: float) -> None:
    measured = [measure_continuity(*chain(seed, last), SIZES) for seed in range(100)]
    assert np.mean([bool(each.objection) for each in measured if each]) >= 0.95
    shuffled = measured[0]
    assert shuffled is not None and "the final model is not the one that its record speaks of" in shuffled.objection


def test_continuity__models_alike_to_the_bit_agree() -> None:
    own, _ = chain(1)
    measured = measure_continuity(own, own, SIZES)
    assert measured is not None and measured.agreement == pytest.approx(1) and not measured.objection


def test_continuity__is_not_judged_by_few_folds_or_constant_forecasts() -> None:
    own, following = chain(1)
    assert measure_continuity(own[: 3 * ROWS], following[: 3 * ROWS], SIZES[:3]) is None
    assert measure_continuity(0 * own, following, SIZES) is None


def test_continuity__comes_back_from_a_trainings_metrics() -> None:
    measured = Continuity(0.8, 0.4)
    assert Continuity.from_metrics(json.loads(json.dumps(measured.metrics))) == measured
    assert Continuity.from_metrics({"rank_ic": 0.1}) is None
