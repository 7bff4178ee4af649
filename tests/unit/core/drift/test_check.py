from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from benchmarks.drift import DriftSetting, watch
from benchmarks.drift_changes import shift
from benchmarks.stationary import features, market
from evergreen.core.drift import (
    Calibration,
    Counts,
    DriftCheck,
    Outcome,
    TooLittleHistory,
    Windows,
    calibrate,
    check,
    make_grid,
    psi,
    session_counts,
    verdict,
)
from evergreen.errors import BadInput, Broken

SETTING = DriftSetting(train=1_100, watched=200, tickers=4)
FIFTH = [
    "RET",
    "MAX5",
    "VMA5",
    "STD10",
    "CNTP10",
    "MA20",
    "RSV20",
    "VSTD20",
    "MIN30",
    "SUMP30",
    "CORR30",
    "ROC60",
]


@cache
def history(seed: int) -> pd.DataFrame:
    return features(*market(seed, SETTING.train + SETTING.watched, SETTING.tickers))


@cache
def judged(seed: int, train: int = SETTING.train) -> tuple[Calibration, Counts]:
    frame = history(seed)
    first = frame.index.get_level_values("session").unique().sort_values()[:train]
    training = frame[frame.index.get_level_values("session").isin(first)]
    counts = session_counts(frame, make_grid(training))
    calibration = calibrate(counts.upto(first[-1]))
    assert isinstance(calibration, Calibration)
    return calibration, counts


def checked(calibration: Calibration, counts: Counts, place: int) -> DriftCheck:
    look = check(calibration, counts, counts.sessions[place])
    assert isinstance(look, DriftCheck)
    return look


def test_procedure__stationary_histories_seldom_start_a_retraining() -> None:
    watched = [watch(*judged(seed), SETTING.train) for seed in range(16)]
    years = sum(one.looks for one in watched) * 5 / 250
    assert sum(len(one.drift) for one in watched) / years <= 2


def test_procedure__a_three_sigma_shift_is_found_and_named() -> None:
    detected, right = [], []
    for seed in range(16):
        calibration, counts = judged(seed)
        moved = session_counts(shift(history(seed), FIFTH, SETTING.train + 50), counts.grid)
        seen = watch(calibration, moved, SETTING.train)
        detected.append(any(50 < finding <= 110 for finding in seen.drift))
        right.append(bool(set().union(*seen.culprits) & set(FIFTH)))
    assert np.mean(detected) >= 0.95
    assert np.mean(right) >= 0.95


def test_calibrate__null_is_the_statistic_of_every_earlier_pair() -> None:
    calibration, counts = judged(0)
    assert calibration.method == "replay"
    assert len(calibration.null) == (SETTING.train - 290) // 5 + 1
    end = 290 + 5 * 7
    for half, stop in ((0, end - 20), (1, end)):
        reference = counts.values[stop - 270 : stop - 20].sum(axis=0)
        expected = psi(reference, counts.values[stop - 20 : stop].sum(axis=0))
        assert calibration.null[7, half] == pytest.approx(expected, rel=1e-6)


def test_calibrate__what_lies_before_the_sessions_remembered_widens_no_null() -> None:
    _, counts = judged(0)
    calm, stormy = counts.values.copy(), counts.values.copy()
    stormy[:240] = np.roll(stormy[:240], 25, axis=2)
    nulls = []
    for values in (calm, stormy):
        calibration = calibrate(Counts(counts.sessions, counts.grid, values), remembered=len(calm) - 240)
        assert isinstance(calibration, Calibration)
        nulls.append(calibration.null)
    assert np.array_equal(*nulls)
    everything = calibrate(Counts(counts.sessions, counts.grid, stormy), remembered=len(calm))
    assert isinstance(everything, Calibration)
    assert everything.null.max() > nulls[1].max()


def test_check__p_values_are_places_among_the_null() -> None:
    calibration, counts = judged(1)
    look = checked(calibration, counts, SETTING.train + 60)
    pairs = calibration.null_scores.min(axis=1)
    for name in ("RET", "STD60"):
        column = calibration.grid.features.index(name)
        above = (pairs[:, column] >= look.scores[name]).sum()
        assert look.p[name] == pytest.approx((1 + above) / (1 + len(pairs)))
    above = (pairs.max(axis=1) >= look.scores.max()).sum()
    assert look.p_family == pytest.approx((1 + above) / (1 + len(pairs)))


def test_check__sees_nothing_after_as_of() -> None:
    calibration, counts = judged(2)
    place = SETTING.train + 60
    cut = counts.upto(counts.sessions[place])
    assert checked(calibration, counts, place).to_dict() == checked(calibration, cut, place).to_dict()


def test_check__needs_only_the_sessions_of_one_pair() -> None:
    calibration, counts = judged(2)
    tail = counts.upto(counts.sessions[-1], 290)
    assert checked(calibration, tail, -1).to_dict() == checked(calibration, counts, -1).to_dict()
    short = check(calibration, counts.upto(counts.sessions[-1], 289), counts.sessions[-1])
    assert short == TooLittleHistory(289, 290)
    assert verdict(short).outcome is Outcome.TOO_LITTLE_HISTORY
    assert "289" in verdict(short).sentence


def test_check__a_constant_feature_that_begins_to_move_is_found() -> None:
    frame = history(3).assign(flag=np.float32(1))
    sessions = frame.index.get_level_values("session")
    grid = make_grid(frame)
    calibration = calibrate(session_counts(frame, grid).upto(sessions.unique().sort_values()[SETTING.train]))
    assert isinstance(calibration, Calibration)
    frame.loc[sessions >= sessions.unique().sort_values()[SETTING.train], "flag"] = np.float32(0)
    look = checked(calibration, session_counts(frame, grid), SETTING.train + 45)
    assert look.leader == "flag"
    assert look.drifted


def test_check__counts_on_another_grid_are_refused() -> None:
    calibration, _ = judged(1)
    _, other = judged(2)
    with pytest.raises(BadInput, match="another grid"):
        check(calibration, other, other.sessions[-1])


def test_calibrate__short_history_is_drawn_in_blocks_and_still_holds() -> None:
    false, detected = 0, []
    for seed in range(6):
        calibration, counts = judged(seed, 500)
        assert calibration.method == "bootstrap"
        false += len(watch(calibration, counts.upto(counts.sessions[749]), 500).drift)
        moved = session_counts(shift(history(seed), FIFTH, 550), counts.grid)
        seen = watch(calibration, moved.upto(counts.sessions[659]), 500)
        detected.append(bool(seen.drift))
    assert false <= 2 * 6
    assert np.mean(detected) >= 0.85


def test_calibrate__too_little_history_is_an_answer() -> None:
    _, counts = judged(0)
    short = calibrate(counts.upto(counts.sessions[288]))
    assert short == TooLittleHistory(289, 290)
    assert isinstance(calibrate(counts.upto(counts.sessions[289])), Calibration)


def test_calibrate__stride_must_divide_the_window() -> None:
    with pytest.raises(BadInput, match="stride"):
        calibrate(judged(0)[1], Windows(250, 20), stride=3)


def test_calibration__comes_back_from_bytes_and_says_the_same() -> None:
    calibration, counts = judged(4)
    again = Calibration.from_bytes(calibration.to_bytes())
    assert again.to_bytes() == calibration.to_bytes()
    assert checked(again, counts, -1).to_dict() == checked(calibration, counts, -1).to_dict()
    with pytest.raises(Broken, match="drift data"):
        Calibration.from_bytes(calibration.to_bytes()[:1000])


def example(p_family: float, p_window: float) -> DriftCheck:
    one = pd.Series({"RET": 1.0, "STD5": 4.0})
    day = pd.Timestamp("2008-10-20")
    return DriftCheck(day, day, day, 4.0, p_family, p_window, 0.02, one, one, one, ("STD5",))


@pytest.mark.parametrize(
    ("p_family", "p_window", "since", "outcome"),
    [
        (0.5, 0.5, None, Outcome.NO_DRIFT),
        (0.5, 0.01, None, Outcome.SUSPECTED),
        (0.02, 0.01, None, Outcome.DRIFT),
        (0.02, 0.01, 39, Outcome.COOLDOWN),
        (0.02, 0.01, 40, Outcome.DRIFT),
        (0.5, 0.01, 3, Outcome.SUSPECTED),
    ],
)
def test_verdict__both_windows_and_a_cooldown(
    p_family: float, p_window: float, since: int | None, outcome: Outcome
) -> None:
    decision = verdict(example(p_family, p_window), since)
    assert decision.outcome is outcome
    assert decision.sentence.endswith(".")
