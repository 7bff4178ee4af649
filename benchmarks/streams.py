"""On which streams the stated error rates hold, and on which they do not: canary and skill detector side by side.

python -m benchmarks.streams --pairs 1500

Each stream is the difference r of two models that are equal on average, in standard deviations. The canary looks daily
for 60 sessions; the detector watches for years. How soon it sees skill that is lost, at once or after a good year, is
measured on independent differences, beside the e-process of a fixed beginning that it replaced.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.autocorrelated import share
from evergreen.core.canary import CanaryVerdict, first_decisions
from evergreen.core.canary.betting import innovations, robust_scale, shown_autocorrelation, wealth
from evergreen.core.canary.rules import rules_from
from evergreen.core.drift import RUN_LENGTH, SkillTest, first_alarms

Floats = NDArray[np.float64]
HISTORY, SESSIONS, WATCHED, WITHIN = 250, 60, 4_000, 120
SPREAD = 0.05
FIVE, HARM = 5, 0.02
OLD_TRIP = 50.0  # E at which skill counted as lost before
RARE = 0.05  # share of sessions in which a rare win or loss comes


def _autoregression(rng: np.random.Generator, shape: tuple[int, int], memory: float) -> Floats:
    series = rng.normal(size=shape)
    for t in range(1, shape[1]):
        series[:, t] = memory * series[:, t - 1] + np.sqrt(1 - memory**2) * series[:, t]
    return series


def _mixed(share: float, memory: float) -> Callable[[np.random.Generator, tuple[int, int]], Floats]:
    """White noise of which a share of the variance is an autoregression."""
    return lambda rng, shape: (
        np.sqrt(1 - share) * rng.normal(size=shape) + np.sqrt(share) * _autoregression(rng, shape, memory)
    )


def _skewed(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Rare wins of one size, and what pays for them every other day."""
    rare = rng.random(shape) < RARE
    return np.asarray(0.8 * (rare - RARE) / np.sqrt(RARE * (1 - RARE)) + 0.6 * rng.normal(size=shape))


def _volatile(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    return np.asarray(np.exp(0.6 * _autoregression(rng, shape, 0.95)) * rng.normal(size=shape))


def _weekday(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    return rng.normal(size=shape) + np.where(np.arange(shape[1]) % 5 == 0, 0.8, -0.2)


def _wave(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    begin = rng.random((shape[0], 1))
    return np.asarray(rng.normal(size=shape) + 0.5 * np.sin(2 * np.pi * (np.arange(shape[1]) / 63 + begin)))


def _later(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    late = _autoregression(rng, shape, 0.5)
    late[:, :HISTORY] = rng.normal(size=(shape[0], HISTORY))
    return late


STREAMS: dict[str, Callable[[np.random.Generator, tuple[int, int]], Floats]] = {
    "independent, normal": lambda rng, shape: rng.normal(size=shape),
    "independent, t(2.5)": lambda rng, shape: rng.standard_t(2.5, shape) / np.sqrt(5),
    "stochastic volatility": _volatile,
    "weekday pattern": _weekday,
    "AR(0.5)": lambda rng, shape: _autoregression(rng, shape, 0.5),
    "rare wins": _skewed,
    "rare losses": lambda rng, shape: -_skewed(rng, shape),
    "quarterly wave": _wave,
    "5 % AR(0.98)": _mixed(0.05, 0.98),
    "30 % AR(0.9)": _mixed(0.30, 0.9),
    "independent history, then AR(0.5)": _later,
}


def canary_errors(r: Floats) -> tuple[float, float]:
    """Shares of equal pairs rolled back, and of pairs worse by the margin promoted; r [pairs, sessions]."""
    back, promoted = 0, 0
    for row in r:
        rules = rules_from(row[:HISTORY], None, (0.05, 0.10), 8, SESSIONS)
        during = row[HISTORY : HISTORY + SESSIONS]
        back += first_decisions(during[None], rules)[0][0] == CanaryVerdict.ROLLBACK.value
        promoted += first_decisions((during - rules.margin)[None], rules)[0][0] == CanaryVerdict.PROMOTE.value
    return back / len(r), promoted / len(r)


def staked(r: Floats) -> Floats:
    """What the skill detector bets on after each history: minus r over the scale, less what was to be expected."""
    rows = []
    for row in r:
        before = row[:HISTORY]
        size = robust_scale(before)
        rho = shown_autocorrelation(np.clip((before - before.mean()) / size, -1, 1))
        rows.append(innovations(np.clip(-row[HISTORY:] / size, -1, 1), rho))
    return np.stack(rows)


def run_length(x: Floats) -> float:
    """Sessions watched for each false alarm."""
    alarms = first_alarms(x)
    return float(np.where(alarms > 0, alarms, x.shape[1]).sum() / max(1, (alarms > 0).sum()))


def errors(pairs: int, seed: int) -> pd.DataFrame:
    """One line a stream."""
    rows = {}
    for place, (name, draw) in enumerate(STREAMS.items()):
        rng = np.random.default_rng([seed, place])
        back, promoted = canary_errors(SPREAD * draw(rng, (pairs, HISTORY + SESSIONS)))
        length = run_length(staked(SPREAD * draw(rng, (max(pairs // 5, 20), HISTORY + WATCHED))))
        rows[name] = {
            "canary: equal rolled back": share(round(back * pairs), pairs),
            "worse by the margin promoted": share(round(promoted * pairs), pairs),
            "detector: sessions a false alarm": f"{length:,.0f}",
        }
    return pd.DataFrame(rows).T


def delays(champions: int, seed: int) -> pd.DataFrame:
    """How soon lost skill is seen, whether it is lost at once or after a good year."""
    rows = {}
    for good_sessions in (0, 250):
        for name, skill in {"-2 %": -0.02, "0": 0.0}.items():
            rng = np.random.default_rng([seed, good_sessions])
            r = SPREAD * rng.normal(size=(champions, HISTORY + good_sessions + WITHIN))
            r += np.where(np.arange(r.shape[1]) < HISTORY + good_sessions, 0.02, skill)
            now, before = (np.array(each) for each in zip(*(_reports(row) for row in r), strict=True))
            rows[f"+2 % to {name}, after {good_sessions} good sessions"] = {
                "found within 120": share(int((now > good_sessions).sum()), champions),
                "median delay": float(np.median(now[now > good_sessions] - good_sessions)),
                "false report before": share(int(((now > 0) & (now <= good_sessions)).sum()), champions),
                "found by the e-process": share(int((before > good_sessions).sum()), champions),
            }
    return pd.DataFrame(rows).T


def _reports(r: Floats) -> tuple[int, int]:
    """Sessions until skill is reported lost, by the skill test and by an e-process begun in office; 0: not."""
    champion, baseline = np.exp(-r / 2), np.exp(r / 2)
    test = SkillTest(champion[:HISTORY], baseline[:HISTORY])
    for session in range(HISTORY, len(r)):
        test.update(session, champion[session], baseline[session])
    sides = [wealth(np.clip(-(r[HISTORY:] - promised) / test.scale, -1, 1)) for promised in (0.0, test.record)]
    over = np.flatnonzero(np.mean(sides, axis=0) >= OLD_TRIP)
    return len(test.sessions) if test.lost else 0, int(over[0]) + 1 if len(over) else 0


def horizons(pairs: int, seed: int) -> pd.DataFrame:
    """Outcomes over five sessions: means of blocks of five, as before, beside streams that do not overlap."""
    rows = {}
    for memory in (0.0, 0.9):
        r = _over_five(np.random.default_rng([seed, 5]), (pairs, HISTORY + SESSIONS * FIVE), memory)
        blocks = r[:, HISTORY:].reshape(pairs, SESSIONS, FIVE).mean(axis=2)
        for name, during, horizon in (("blocks", blocks, 1), ("streams", r[:, HISTORY:], FIVE)):
            rows[f"{name}, disagreement AR({memory:g})"] = _fates(r[:, :HISTORY], during, horizon)
    return pd.DataFrame(rows).T


def _over_five(rng: np.random.Generator, shape: tuple[int, int], memory: float) -> Floats:
    """A disagreement of two models times overlapping returns of five sessions."""
    shocks = rng.standard_t(4, (shape[0], shape[1] + FIVE))
    outcome = sum(shocks[:, day : day + shape[1]] for day in range(FIVE)) / np.sqrt(2 * FIVE)
    return np.asarray(SPREAD * _autoregression(rng, shape, memory) * outcome)


def _fates(history: Floats, during: Floats, horizon: int) -> dict[str, object]:
    pairs, decided = len(history), []
    for before, now in zip(history, during, strict=True):
        rules = rules_from(before, None, (0.05, 0.10), 8, SESSIONS, horizon)
        decided.append([first_decisions((now - by)[None], rules) for by in (0.0, rules.margin, HARM)])
    verdicts = np.array([[each[0][0] for each in row] for row in decided])
    back, sessions = verdicts == CanaryVerdict.ROLLBACK.value, np.array([row[2][1][0] for row in decided])
    return {
        "equal rolled back": share(int(back[:, 0].sum()), pairs),
        "worse by the margin promoted": share(int((verdicts[:, 1] == CanaryVerdict.PROMOTE.value).sum()), pairs),
        "harm rolled back": share(int(back[:, 2].sum()), pairs),
        "median sessions": float(np.median(sessions[back[:, 2]])) * (FIVE if horizon == 1 else 1),
    }


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1_500)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    print(f"bounds: 10 %, 5 %, and {RUN_LENGTH:,.0f} sessions; ± three standard errors")
    print(errors(given.pairs, given.seed).to_string())
    print(f"\nskill that is lost, {given.pairs // 5} champions")
    print(delays(given.pairs // 5, given.seed).to_string())
    print(f"\noutcomes over {FIVE} sessions, {given.pairs // 3} pairs; harm is {HARM} of r a session")
    print(horizons(given.pairs // 3, given.seed).to_string())


if __name__ == "__main__":
    main()
