"""Losses by session, kept as arrays that policies and processes share: what one asked for, no other forecasts again."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evergreen.replay.market import Market

Floats = NDArray[np.float64]
Forecaster = Callable[[int, int], Floats]

UNKNOWN = -1.0  # of a session that nobody asked for; no loss is below zero
AHEAD = 32  # sessions forecast at once: a canary looks day by day, and each call of a model has its price


class SessionLosses(NamedTuple):
    """One value a session: tickers with an outcome, mean squared error of forecasts and of the random walk.

    Errors are NaN where no outcome came.
    """

    n: Floats
    loss: Floats
    loss_random_walk: Floats


class Losses:
    """Mean squared errors of the models of a market, a file for each model below `folder`."""

    def __init__(self, market: Market, folder: Path) -> None:
        self.market, self._folder = market, folder
        self._opened = lru_cache(512)(self._open)
        folder.mkdir(parents=True, exist_ok=True)

    def of(self, name: str, sessions: range, forecast: Forecaster) -> SessionLosses:
        """Of one model in the sessions of these numbers; `forecast` gives what it says of a start <= i < stop."""
        stored = self._opened(name)
        while len(unknown := np.flatnonzero(stored[sessions.start : sessions.stop] == UNKNOWN)):
            start = sessions.start + int(unknown[0])
            stop = min(max(sessions.stop, start + AHEAD), len(stored))
            stored[start:stop] = squared(self.market, range(start, stop), forecast(start, stop))
        return with_random_walk(self.market, sessions, np.array(stored[sessions.start : sessions.stop]))

    def _open(self, name: str) -> Floats:
        path = self._folder / f"{name}.npy"
        if not path.exists():
            aside = path.with_suffix(f".{os.getpid()}.part")
            with aside.open("wb") as file:
                np.save(file, np.full(len(self.market.sessions), UNKNOWN))
            aside.replace(path)  # of two processes one may forecast for itself; what they say is the same
        return np.lib.format.open_memmap(path, mode="r+")


def squared(market: Market, sessions: range, forecast: Floats) -> Floats:
    """Mean squared error by session, NaN without an outcome; infinite where a forecast is not finite."""
    label = market.label[market.rows(sessions.start, sessions.stop)]
    errors = np.where(np.isfinite(forecast), (forecast - label) ** 2, np.inf)
    return _means(market, sessions, np.where(np.isfinite(label), errors, 0.0))


def with_random_walk(market: Market, sessions: range, loss: Floats) -> SessionLosses:
    """Losses beside those of a forecast of zero."""
    label = np.nan_to_num(market.label[market.rows(sessions.start, sessions.stop)])
    counts = market.outcomes[sessions.start : sessions.stop].astype(float)
    return SessionLosses(counts, loss, _means(market, sessions, label**2))


def _means(market: Market, sessions: range, values: Floats) -> Floats:
    starts = market.first_row[sessions.start : sessions.stop] - market.first_row[sessions.start]
    counts = market.outcomes[sessions.start : sessions.stop]
    sums = np.add.reduceat(values, starts) if len(values) else np.zeros(0)
    return np.asarray(sums / np.where(counts > 0, counts, np.nan))
