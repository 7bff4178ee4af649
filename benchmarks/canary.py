"""How often the canary errs when looked at every session, next to what daily tests do with the same losses.

python -m benchmarks.canary --pairs 1000
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from benchmarks.autocorrelated import share
from evergreen.core.canary import (
    CanaryVerdict,
    QualityTest,
    first_decisions,
    plan_power,
)
from evergreen.core.evaluation.losses import relative_difference

HISTORY, SESSIONS, FIRST_LOOK = 120, 60, 8
OWN_ERROR = 0.6


@dataclass(frozen=True)
class LossPanel:
    """Row losses [pairs, history + sessions, tickers] of two models on the same stocks."""

    champion: NDArray[np.float32]
    challenger: NDArray[np.float32]

    @property
    def sessions(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean losses per session."""
        return self.champion.mean(axis=2, dtype=float), self.challenger.mean(axis=2, dtype=float)


def panel(seed: int, pairs: int, tickers: int = 50, excess: float = 0.0, memory: float = 0.0) -> LossPanel:
    """Two equal models of heavy-tailed stocks that move together, each with errors that its stocks share.

    A third of the return's and half of each model's own error's variance is common to all stocks of a
    session. `excess` raises the challenger's loss after the history; `memory` is the autocorrelation of the
    models' own common errors and of log volatility.
    """
    generator = np.random.default_rng(seed)
    shape = (pairs, HISTORY + SESSIONS, 1)
    scale = np.exp(0.4 * _series(generator, shape, memory))
    market = np.sqrt(0.33) * generator.standard_t(4, shape)
    truth = market + np.sqrt(0.67) * generator.standard_t(4, (*shape[:2], tickers))
    losses = []
    for _ in range(2):
        own = np.sqrt(0.5) * (_series(generator, shape, memory) + generator.normal(size=truth.shape))
        losses.append(np.square(scale * (truth + OWN_ERROR * own)).astype(np.float32))
    losses[1][:, HISTORY:] *= 1 + excess
    return LossPanel(*losses)


def _series(generator: np.random.Generator, shape: tuple[int, int, int], memory: float) -> NDArray[np.float64]:
    series = generator.normal(size=shape)
    for t in range(1, shape[1]):
        series[:, t] = memory * series[:, t - 1] + np.sqrt(1 - memory**2) * series[:, t]
    return series


def canary(losses: LossPanel, margin: float | None = None) -> pd.DataFrame:
    """The decision and its session for each pair, by the quality test with its defaults."""
    rows = []
    for champion, challenger in zip(*losses.sessions, strict=True):
        rules = QualityTest(champion[:HISTORY], challenger[:HISTORY], margin).rules
        r = relative_difference(champion[HISTORY:], challenger[HISTORY:])
        decision, session = first_decisions(r[None], rules)
        rows.append((decision[0], session[0]))
    return pd.DataFrame(rows, columns=["decision", "session"])


def daily_tests(losses: LossPanel, alpha: float = 0.05) -> dict[str, float]:
    """Share of pairs in which a one-sided test at `alpha`, run daily, ever calls the challenger better."""
    differences = (losses.champion - losses.challenger)[:, HISTORY:]
    sessions, rows, ranks = [], [], []
    for t in range(FIRST_LOOK, SESSIONS + 1):
        sessions.append(_t_test(differences[:, :t].mean(axis=2, dtype=float)) < alpha)
        rows.append(_t_test(differences[:, :t].reshape(len(differences), -1)) < alpha)
    for t in range(FIRST_LOOK, SESSIONS + 1, 4):
        until = slice(HISTORY, HISTORY + t)
        champion = losses.champion[:, until].reshape(len(differences), -1)
        challenger = losses.challenger[:, until].reshape(len(differences), -1)
        test = stats.mannwhitneyu(challenger, champion, axis=1, alternative="less", method="asymptotic")
        ranks.append(test.pvalue < alpha)
    return {
        "t test on session means, daily": float(np.any(sessions, axis=0).mean()),
        "t test on rows, daily": float(np.any(rows, axis=0).mean()),
        "Mann-Whitney on rows, every 4th day": float(np.any(ranks, axis=0).mean()),
    }


def _t_test(values: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(stats.ttest_1samp(values, 0.0, axis=1, alternative="greater").pvalue)


def error_rates(pairs: int, seed: int) -> pd.DataFrame:
    """Fates of equal pairs and of challengers with a larger loss."""
    rows = {}
    for name, excess, memory, margin in (
        ("equal", 0.0, 0.0, None),
        ("equal, no margin", 0.0, 0.0, 0.0),
        ("equal, errors remember", 0.0, 0.5, None),
        ("19 % more loss", 0.19, 0.0, None),
        ("47 % more loss", 0.47, 0.0, None),
        ("twice the loss", 1.0, 0.0, None),
    ):
        fates = canary(panel(seed, pairs, excess=excess, memory=memory), margin)
        ended = {each: fates["decision"] == each.value for each in CanaryVerdict}
        rolled_back = ended[CanaryVerdict.ROLLBACK]
        rows[name] = {
            "promoted": share(ended[CanaryVerdict.PROMOTE].sum(), pairs),
            "rolled back": share(rolled_back.sum(), pairs),
            "by session 15": share((rolled_back & (fates["session"] <= 15)).sum(), pairs),
            "inconclusive": share(ended[CanaryVerdict.INCONCLUSIVE].sum(), pairs),
            "median session": fates.loc[rolled_back, "session"].median(),
        }
    return pd.DataFrame(rows).T


def worse_by_margin(pairs: int, seed: int) -> str:
    """Share promoted of challengers that are worse by exactly the margin: what alpha_promote bounds."""
    champion, challenger = panel(seed, pairs).sessions
    promoted = []
    for a, b in zip(champion, challenger, strict=True):
        rules = QualityTest(a[:HISTORY], b[:HISTORY]).rules
        r = relative_difference(a, b)[HISTORY:]
        decision, _ = first_decisions((r - rules.margin)[None], rules)
        promoted.append(decision[0] == CanaryVerdict.PROMOTE.value)
    return share(sum(promoted), pairs)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    setting = f"{HISTORY} sessions of history, daily looks; ± three standard errors"
    print(f"{arguments.pairs} pairs of models, 50 stocks, {setting}")
    print(error_rates(arguments.pairs, arguments.seed).to_string())
    worse = worse_by_margin(arguments.pairs, arguments.seed)
    print(f"worse by exactly the margin: promoted {worse}")
    print("bounds: promoted 5 % when worse by the margin or more, rolled back 10 % when equal")
    print("\nequal models called better at a nominal 5 % by")
    for name, called in daily_tests(panel(arguments.seed, arguments.pairs)).items():
        print(f"  {name:38s} {called:.1%}")
    champion, challenger = panel(arguments.seed, 1).sessions
    print("\n" + plan_power(champion[0, :HISTORY], challenger[0, :HISTORY]).sentence)


if __name__ == "__main__":
    main()
