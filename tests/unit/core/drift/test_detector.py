from __future__ import annotations

import numpy as np
import pytest

from evergreen.core.drift import RUN_LENGTH, Detector, first_alarms
from evergreen.errors import BadSetting


def test_detector__is_the_sum_of_the_wealth_staked_since_every_beginning() -> None:
    x, detector = np.random.default_rng(1).uniform(-1, 1, 12), Detector()
    evidence = [detector.add(one) for one in x][-1]
    bets = np.arange(1, 10) / 10
    expected = np.mean([sum(np.prod(1 + bet * x[begin:]) for begin in range(len(x))) for bet in bets])
    assert evidence == pytest.approx(expected)


def test_detector__false_alarms_are_a_run_length_apart() -> None:
    """Streams of mean 0: normal, skewed and heavy-tailed, all within [-1, 1]."""
    rng, shape = np.random.default_rng(2), (60, 3_000)
    streams = {
        "normal": np.clip(rng.normal(0, 0.5, shape), -1, 1),
        "coin": rng.choice([-1.0, 1.0], shape),
        "rare": np.where(rng.random(shape) < 0.2, 0.8, -0.2),
    }
    for name, x in streams.items():
        alarms = first_alarms(x)
        watched, alarmed = np.where(alarms > 0, alarms, shape[1]).sum(), (alarms > 0).sum()
        assert alarmed >= 10, name  # enough of them to speak of their distance
        assert watched / alarmed >= RUN_LENGTH * (1 - 3 / alarmed**0.5), name


def test_detector__delay_does_not_depend_on_how_long_all_was_well() -> None:
    rng, medians = np.random.default_rng(3), []
    for well in (0, 250, 1_000):
        x = rng.normal(0, 0.5, (100, well + 250)) + np.where(np.arange(well + 250) < well, -0.1, 0.2)
        alarms = first_alarms(x)
        late = alarms[alarms > well] - well
        assert len(late) >= 95
        medians.append(float(np.median(late)))
    assert max(medians) <= 1.3 * min(medians)


def test_detector__one_by_one_and_all_at_once_are_the_same() -> None:
    x = np.random.default_rng(4).normal(0.15, 0.5, 400)
    detector = Detector(200)
    one_by_one = next(session + 1 for session, one in enumerate(x) if detector.add(one) >= 200)
    assert first_alarms(x[None], 200).tolist() == [one_by_one]


@pytest.mark.parametrize("run_length", [1.0, 0.0, float("nan")])
def test_detector__refuses_a_run_length_that_is_none(run_length: float) -> None:
    with pytest.raises(BadSetting, match="run length"):
        Detector(run_length)


def test_detector__over_a_horizon_overlapping_sessions_keep_the_run_length() -> None:
    rng, horizon, sessions = np.random.default_rng(6), 5, 3_000
    alarms, watched = 0, 0
    for _ in range(40):
        shocks = rng.normal(0, 0.5 / horizon**0.5, sessions + horizon)
        x = np.stack([shocks[day : day + sessions] for day in range(horizon)]).sum(axis=0)
        detector = Detector(horizon=horizon)
        first = next((day + 1 for day, one in enumerate(x) if detector.add(one) >= RUN_LENGTH), 0)
        alarms, watched = alarms + bool(first), watched + (first or sessions)
    assert alarms >= 10
    assert watched / alarms >= RUN_LENGTH * (1 - 3 / alarms**0.5)
