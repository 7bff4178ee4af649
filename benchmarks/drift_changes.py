"""Lasting changes of a simulated market, and the losses of a champion that forecasts it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.stationary import SPAN, Floats, features, market
from evergreen.core.drift import SkillTest

SIGMAS = 3.0
IC = 0.05
RECORD = 250
SCALED = ("RET", "RANGE", "ROC", "MA", "STD", "MAX", "MIN")
DIRECTED = ("RET", "RANGE", "ROC", "MA", "MAX", "MIN", "RSV", "CNTP", "SUMP", "STD", "CORR", "VMA", "VSTD")
TRADED = ("VMA", "VSTD", "CORR")


@dataclass(frozen=True, eq=False)
class Champion:
    """Mean squared errors by session of a champion with a little skill, and of its naive baseline."""

    losses: Floats
    baseline: Floats

    def begin(self, at: int) -> SkillTest:
        """The skill test of a champion that takes office at session `at`, on its last year as record."""
        return SkillTest(self.losses[at - RECORD : at], self.baseline[at - RECORD : at])


@dataclass(frozen=True, eq=False)
class Change:
    """A history that changes for good at one session; `moved` are the families of features it moves."""

    name: str
    frame: pd.DataFrame
    champion: Champion
    moved: tuple[str, ...]


def champion(seed: int, returns: Floats, flip_at: int | None = None) -> Champion:
    """Forecasts f of correlation 0.05 with what they forecast; from session `flip_at` on with its opposite.

    The outcome is the market's return plus f, after the flip minus f.
    """
    noise = returns[SPAN:]
    forecast = IC * noise.std() * np.random.default_rng([seed, 1]).normal(size=noise.shape)
    signal = forecast.copy()
    if flip_at is not None:
        signal[flip_at:] *= -1
    outcome = noise + signal
    return Champion(((outcome - forecast) ** 2).mean(axis=1), (outcome**2).mean(axis=1))


def changes(seed: int, frame: pd.DataFrame, returns: Floats, volume: Floats, at: int, shown: int) -> Iterator[Change]:
    """The history `frame` of the first `shown` tickers with each change in turn, from session `at` on."""
    for name, changed, traded, moved in _markets(returns, volume, at):
        yield Change(name, features(changed[:, :shown], traded[:, :shown]), champion(seed, changed), moved)
    steady = champion(seed, returns)
    names = tuple(str(name) for name in frame)
    for name, shifted in (
        ("3 sigma, all features", names),
        ("3 sigma, a fifth of them", names[::5]),
        ("3 sigma, RET alone", ("RET",)),
        ("3 sigma, CNTP10 alone", ("CNTP10",)),
        ("3 sigma, ROC20 alone", ("ROC20",)),
        ("3 sigma, STD60 alone", ("STD60",)),
    ):
        yield Change(name, shift(frame, shifted, at), steady, shifted)
    yield Change("sign of the signal", frame, champion(seed, returns, flip_at=at), ())


def _markets(returns: Floats, volume: Floats, at: int) -> Iterator[tuple[str, Floats, Floats, tuple[str, ...]]]:
    late = slice(at + SPAN, None)
    for name, factor in (("spread x 2", 2.0), ("spread x 3", 3.0)):
        yield name, _changed(returns, late, factor * returns[late]), volume, SCALED
    risen = returns[late] + SIGMAS * returns.std() / np.sqrt(20)
    yield "mean + 3 sigma of 20 sessions", _changed(returns, late, risen), volume, DIRECTED
    leaning = volume[late] + returns[late] / returns.std()
    yield "volume leans on returns", returns, _changed(volume, late, leaning), TRADED
    together = np.sqrt(0.9) * returns[late, :1] + np.sqrt(0.1) * returns[late]
    yield "tickers move as one", _changed(returns, late, together), volume, DIRECTED


def shift(frame: pd.DataFrame, names: tuple[str, ...] | list[str], at: int, sigmas: float = SIGMAS) -> pd.DataFrame:
    """`names` moved up by `sigmas` of their own standard deviations from session `at` on."""
    sessions = frame.index.get_level_values("session")
    late = sessions >= np.unique(sessions)[at]
    moved = frame.copy()
    moved.loc[late, list(names)] += sigmas * frame[list(names)].std()
    return moved


def ceiling(seeds: Sequence[int], train: int, watched: int, at: int, factor: float = 2.0) -> float:
    """How often somebody who watches volatility alone, and knows its law, sees it grow `factor` times for good.

    Watched is the mean log size of the last 40 sessions' returns, weekly for 60 sessions, against the level that
    a quiet market passes in one look out of fifty: the level our own looks are held to.
    """
    quiet = np.concatenate([_size(seed, watched)[40::5] for seed in range(1_000_000, 1_000_100)])
    limit = np.quantile(quiet, 0.98)
    hits = []
    for seed in seeds:
        risen = _size(seed, train + watched, train + at, factor)[train + at : train + at + 61 : 5]
        hits.append(bool((risen[1:] > limit).any()))
    return float(np.mean(hits))


def _size(seed: int, sessions: int, at: int = 0, factor: float = 1.0) -> Floats:
    size = np.log(np.abs(market(seed, sessions, 100)[0][SPAN:]) + 1e-9).mean(axis=1)
    size[at:] += np.log(factor)
    return pd.Series(size).rolling(40, min_periods=40).mean().to_numpy()


def _changed(values: Floats, late: slice, fresh: Floats) -> Floats:
    changed = values.copy()
    changed[late] = fresh
    return changed
