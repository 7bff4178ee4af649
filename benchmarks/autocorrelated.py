"""Autocorrelated loss differences: how often a canary sends equal models back, and a champion that keeps its
skill is said to have lost it, with and without the frozen autocorrelation.

python -m benchmarks.autocorrelated --pairs 1000
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.canary import CanaryVerdict, QualityTest, first_decisions
from evergreen.core.drift import SkillTest
from evergreen.core.evaluation.losses import relative_difference

SESSIONS, SPREAD, HARM = 60, 0.05, 0.5
Losses = tuple[NDArray[np.float64], NDArray[np.float64]]
MEMORIES = {
    "independent": (0.0, 0.0),
    "AR(0.2)": (0.2, 0.0),
    "AR(0.5)": (0.5, 0.0),
    "0.7 noise + 0.3 AR(0.9)": (0.9, 0.7),
}
TAILS = {"normal": 0, "t(3)": 3}


def share(hits: int, of: int) -> str:
    """A rate with three standard errors beside it."""
    rate = hits / of
    return f"{rate:6.1%} ±{3 * (rate * (1 - rate) / of) ** 0.5:.1%}"


def losses(
    seed: int,
    pairs: int,
    history: int,
    memory: float,
    noise: float,
    tail: int,
    worse: float = 0.0,
    sessions: int = SESSIONS,
) -> tuple[Losses, Losses]:
    """Losses [pairs, sessions] of two equal models before and in `sessions` more, `worse` standard deviations later.

    The log ratio is a first-order autoregression of coefficient `memory` around zero, of which the share
    `noise` of the variance is replaced by independent noise; `tail`: degrees of freedom, 0 is normal.
    """
    generator = np.random.default_rng(seed)
    shape = (pairs, history + sessions)
    ratio = np.sqrt(1 - noise) * _autoregression(_shocks(generator, shape, tail), memory)
    ratio = SPREAD * (ratio + np.sqrt(noise) * _shocks(generator, shape, tail))
    ratio[:, history:] += worse * SPREAD
    market = np.exp(0.4 * generator.normal(size=shape))
    champion, challenger = market * np.exp(-ratio / 2), market * np.exp(ratio / 2)
    return (champion[:, :history], challenger[:, :history]), (champion[:, history:], challenger[:, history:])


def _shocks(generator: np.random.Generator, shape: tuple[int, int], tail: int) -> NDArray[np.float64]:
    drawn = generator.standard_t(tail, shape) / np.sqrt(tail / (tail - 2)) if tail else generator.normal(size=shape)
    return np.asarray(drawn)


def _autoregression(shocks: NDArray[np.float64], memory: float) -> NDArray[np.float64]:
    series = shocks.copy()
    for t in range(1, shocks.shape[1]):
        series[:, t] = memory * series[:, t - 1] + np.sqrt(1 - memory**2) * shocks[:, t]
    return series


def fates(before: Losses, during: Losses, frozen: bool, shift: bool = False) -> NDArray[np.str_]:
    """The decision on each pair; `frozen` uses the autocorrelation, `shift` makes each worse by its margin."""
    r, decided = relative_difference(*during), []
    for row, (champion, challenger) in enumerate(zip(*before, strict=True)):
        rules = QualityTest(champion, challenger).rules
        rules = rules if frozen else replace(rules, autocorrelation=0.0)
        decided.append(first_decisions((r[row] - shift * rules.margin)[None], rules)[0][0])
    return np.array(decided)


def table(pairs: int, seed: int, history: int, frozen: bool) -> pd.DataFrame:
    """One line for each kind of dependence and tail."""
    rows = {}
    for memory, (coefficient, noise) in MEMORIES.items():
        for tail, degrees in TAILS.items():
            kind = (seed, pairs, history, coefficient, noise, degrees)
            equal, worse = losses(*kind), losses(*kind, worse=HARM)
            sent_back = [fates(*each, frozen) == CanaryVerdict.ROLLBACK.value for each in (equal, worse)]
            promoted_shifted = fates(*equal, frozen, shift=True) == CanaryVerdict.PROMOTE.value
            passed = fates(*equal, frozen) == CanaryVerdict.PROMOTE.value
            rows[f"{memory}, {tail}"] = {
                "equal: rolled back": share(sent_back[0].sum(), pairs),
                "equal: promoted": share(passed.sum(), pairs),
                "worse by the margin: promoted": share(promoted_shifted.sum(), pairs),
                f"worse by {HARM} sd: rolled back": share(sent_back[1].sum(), pairs),
            }
    return pd.DataFrame(rows).T


def skill_lost(before: Losses, during: Losses, frozen: bool) -> int:
    """How many champions, the second of each pair, are said to have lost their skill over the first."""
    lost = 0
    for champion, baseline, *now in zip(before[1], before[0], during[1], during[0], strict=True):
        test = SkillTest(champion, baseline)
        test.autocorrelation = test.autocorrelation if frozen else 0.0
        lost += any(test.update(day, *losses) for day, losses in enumerate(zip(*now, strict=True)))
    return lost


def skill_table(champions: int, seed: int, sessions: int = 250) -> pd.DataFrame:
    """One line for each kind of dependence: champions no better than their baseline, and ones that fall behind it."""
    rows = {}
    for memory, (coefficient, noise) in MEMORIES.items():
        same, worse = (losses(seed, champions, sessions, coefficient, noise, 0, by, sessions) for by in (0.0, HARM))
        rows[memory] = {
            f"{kind_of_champion}, {'with' if frozen else 'without'}": share(skill_lost(*each, frozen), champions)
            for kind_of_champion, each in (("kept", same), (f"worse by {HARM} sd", worse))
            for frozen in (False, True)
        }
    return pd.DataFrame(rows).T


def main() -> None:
    """Print the tables with and without, for a short and an ordinary history."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    print("bounds: equal rolled back 10 %, worse by the margin promoted 5 %; ± three standard errors")
    for history in (60, 120):
        for frozen in (False, True):
            variant = "with the autocorrelation frozen from it" if frozen else "without it"
            print(f"\n{arguments.pairs} pairs, {history} sessions of history, {variant}")
            print(table(arguments.pairs, arguments.seed, history, frozen).to_string())
    print("\nskill said to be lost within 250 sessions, with and without; bound for champions that keep it 2 %")
    print(skill_table(arguments.pairs // 2, arguments.seed).to_string())


if __name__ == "__main__":
    main()
