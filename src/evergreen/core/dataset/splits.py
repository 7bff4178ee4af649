"""Walk-forward folds in which no training label can see its test window."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from evergreen.errors import BadInput


@dataclass(frozen=True)
class Fold:
    """Sessions to fit on and the later ones to be judged on."""

    train: pd.DatetimeIndex
    test: pd.DatetimeIndex


def walk_forward(
    sessions: pd.DatetimeIndex,
    folds: int,
    test_size: int,
    horizon: int = 1,
    embargo: int = 5,
    min_train: int = 250,
) -> list[Fold]:
    """Expanding training windows before consecutive test windows that end with the last session.

    Purge: a session t trains only if its label span (t, t + horizon] ends before the test window
    begins. Embargo: that end lies a further `embargo` sessions back.

    Args:
        sessions: increasing, without repeats; each has a known label.
        folds: number of test windows.
        test_size: sessions in each of them.
        horizon: label horizon in sessions.
        embargo: sessions left out between the last training label and the test window.
        min_train: least training sessions in the first fold.

    Raises:
        BadInput: unusable numbers, unordered sessions, or too few of them.
    """
    _check(sessions, folds, test_size, horizon, embargo)
    starts = range(len(sessions) - folds * test_size, len(sessions), test_size)
    shortest = starts[0] - horizon - embargo
    if shortest < max(min_train, 1):
        raise BadInput(
            f"{len(sessions)} labelled sessions leave {max(shortest, 0)} to train the first fold on, "
            f"not {max(min_train, 1)}.",
            "Bring a longer history, or ask for fewer or shorter folds.",
        )
    return [Fold(sessions[: start - horizon - embargo], sessions[start : start + test_size]) for start in starts]


def fewest_sessions(folds: int, test_size: int, horizon: int = 1, embargo: int = 5, min_train: int = 250) -> int:
    """How many labelled sessions `walk_forward` asks for, given the same numbers."""
    return folds * test_size + horizon + embargo + max(min_train, 1)


def purged_tail(
    sessions: pd.DatetimeIndex, size: int, horizon: int = 1, embargo: int = 5
) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
    """Split training sessions into (fit, validation): the last `size` sessions, purged and embargoed.

    Raises:
        BadInput: nothing would be left to fit on.
    """
    fold = walk_forward(sessions, 1, size, horizon, embargo, min_train=1)[0]
    return fold.train, fold.test


def _check(sessions: pd.DatetimeIndex, folds: int, test_size: int, horizon: int, embargo: int) -> None:
    if min(folds, test_size, horizon) < 1 or embargo < 0:
        raise BadInput(
            f"folds {folds}, test_size {test_size}, horizon {horizon}, embargo {embargo} make no folds.",
            "The first three are at least 1, embargo at least 0.",
        )
    if not (sessions.is_monotonic_increasing and sessions.is_unique):
        raise BadInput("sessions are not in increasing order without repeats.", "Sort them and drop repeats.")
