"""How often the gate calls one of two equal models better, beside the tests people use on rows.

    python benchmarks/gate.py [--pairs 500]

Each pair forecasts its own simulated market (common factor, sectors, volatility that persists) with noise of one
size, so that neither is better: every claim is false. Nominal 5 %, one look at 250 sessions of 20 stocks.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from scipy import stats

from evergreen.core.dataset.labels import forward_return
from evergreen.core.gate.compare import compare
from evergreen.core.market import simulate

ALPHA, NOISE = 0.05, 0.004


def equal_pair(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Champion and challenger of one market; each errs by a slow factor of its own, and by rows."""
    rows = forward_return(simulate(20, 251, seed, ic=0.0)).dropna().rename("label").reset_index()
    rng = np.random.default_rng(seed)
    day = pd.factorize(rows["session"], sort=True)[0]
    sides = []
    for _ in range(2):
        slow = np.convolve(rng.normal(size=day.max() + 20), np.ones(20) / 20**0.5, "valid")[: day.max() + 1]
        error = NOISE * (slow[day] + rng.normal(size=len(rows)))
        sides.append(rows.assign(forecast=error, lower=error - 1.0, upper=error + 1.0))
    return sides[0], sides[1]


def claims(champion: pd.DataFrame, challenger: pd.DataFrame) -> tuple[bool, bool, bool]:
    """Whether the gate, a paired t test and a Mann-Whitney test on rows claim that the challenger is better."""
    gate = compare(champion, challenger, alpha=ALPHA * np.pi**2 / 6).test
    assert gate is not None
    errors = [(side["forecast"] - side["label"]) ** 2 for side in (champion, challenger)]
    rows = stats.ttest_rel(*errors, alternative="greater").pvalue
    ranks = stats.mannwhitneyu(*errors, alternative="greater").pvalue
    return gate.p_better < ALPHA, bool(rows < ALPHA), bool(ranks < ALPHA)


def main() -> None:
    """Print the share of false claims."""
    options = argparse.ArgumentParser()
    options.add_argument("--pairs", type=int, default=500)
    pairs = options.parse_args().pairs
    called_better = np.array([claims(*equal_pair(seed)) for seed in range(pairs)])
    error = np.sqrt(ALPHA * (1 - ALPHA) / pairs)
    print(f"{pairs} pairs of equal models, nominal {ALPHA:.0%} (standard error {error:.1%}): falsely called better")
    for name, share in zip(
        ("the gate", "t test on rows", "Mann-Whitney on rows"), called_better.mean(axis=0), strict=True
    ):
        print(f"  {name:<22}{share:6.1%}")


if __name__ == "__main__":
    main()
