"""What drift of a model is judged by, worked out once a session of training and kept beside the fits."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock

from evergreen.core.drift import REMEMBERED, Calibration, Counts, TooLittleHistory, calibrate, make_grid, session_counts
from evergreen.core.features import FEATURE_NAMES, LOOKBACK
from evergreen.replay.code_version import code_version
from evergreen.replay.fits import Fits

AT_HAND = 8  # in memory: those of a few champions

Calibrated = tuple[Calibration, Counts]


class Calibrations:
    """Of a market's models by the session of their training, with the counts of the last sessions before it.

    Kept as fits are, by whichever process asks first, and removed with them; by the rules' code too, as walks are.
    """

    def __init__(self, fits: Fits) -> None:
        self._fits, self._market = fits, fits.market
        self.at = lru_cache(AT_HAND)(self._at)

    def _at(self, session: int) -> Calibrated | TooLittleHistory:
        path = self._fits.folder / f"{self._fits.key(session)}-{code_version()[:16]}.npz"
        with FileLock(path.with_suffix(".lock")):
            if path.exists():
                return _read(path)
            calibrated = self._calibrate(session)
            if not isinstance(calibrated, TooLittleHistory):
                _write(path, calibrated)
            return calibrated

    def _calibrate(self, session: int) -> Calibrated | TooLittleHistory:
        grid = make_grid(self.features(0, session + 1))
        counts = session_counts(self.features(max(0, session + 1 - REMEMBERED), session + 1), grid)
        calibration = calibrate(counts, memory=LOOKBACK)
        if isinstance(calibration, TooLittleHistory):
            return calibration
        return calibration, counts.upto(counts.sessions[-1], calibration.windows.pair)

    def features(self, start: int, stop: int) -> pd.DataFrame:
        """The factors of every row of the sessions numbered start <= i < stop, by ticker and session."""
        rows = self._market.rows(start, stop)
        session = self._market.sessions.repeat(np.diff(self._market.first_row))[rows]
        index = pd.MultiIndex.from_arrays([self._market.ticker[rows], session], names=["ticker", "session"])
        return pd.DataFrame(self._market.matrix[rows], index=index, columns=list(FEATURE_NAMES), copy=False)


def _read(path: Path) -> Calibrated:
    os.utime(path)
    with np.load(path, allow_pickle=False) as stored:
        return Calibration.from_bytes(stored["calibration"].tobytes()), Counts.from_bytes(stored["counts"].tobytes())


def _write(path: Path, calibrated: Calibrated) -> None:
    calibration, counts = (np.frombuffer(part.to_bytes(), np.uint8) for part in calibrated)
    aside = path.with_suffix(f".{os.getpid()}.part")
    with aside.open("wb") as file:
        np.savez(file, calibration=calibration, counts=counts)
    aside.replace(path)
