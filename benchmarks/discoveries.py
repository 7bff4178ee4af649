"""How many of a name's promotions are false over its life: levels by e-LOND, and the same level for every canary.

    python -m benchmarks.discoveries [--lives 400]

A life is a search through 20 recipes that are not the champion's. Some are better than it, the others worse by exactly
the margin, which is the hardest case that must not be promoted. Each has two years of record and a canary of 60
sessions, independent normal r. `carried`: the canary starts with the record's evidence; `hold`: it starts with none;
`regret`: as hold, and what is undecided takes over where the gate let it in and both together let expect a gain.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evergreen.core.canary.rules import Rules, promote_wealth
from evergreen.core.gate.place import Place

ALPHA, RECIPES, RECORD, CANARY = 0.05, 20, 504, 60
RULES = Rules(scale=0.1, margin=0.005)
Z90 = 1.2816  # of the lower 90 % bound that the gate asks for
GAIN = 0.3  # of a standard deviation of r a session: a recipe that is worth finding


@dataclass(frozen=True)
class Lives:
    """Evidence for a promotion [lives, recipes], what regret would promote, and who is worse by the margin."""

    record: NDArray[np.float64]
    canary: NDArray[np.float64]
    hopeful: NDArray[np.bool_]
    worse: NDArray[np.bool_]


def lives(seed: int, number: int, worse: float) -> Lives:
    """So many searches in which a share `worse` of the recipes is worse by the margin."""
    rng = np.random.default_rng(seed)
    null = rng.random((number, RECIPES)) < worse
    spread = RULES.scale / 2
    mean = np.where(null, -RULES.margin, GAIN * spread)[..., None]
    record, canary = (rng.normal(mean, spread, (*null.shape, sessions)) for sessions in (RECORD, CANARY))
    admitted = record.mean(axis=-1) - Z90 * record.std(axis=-1) / RECORD**0.5 > -RULES.margin
    hopeful = admitted & (record.sum(axis=-1) + canary.sum(axis=-1) > 0)
    evidence = promote_wealth(canary, RULES)[..., RULES.t_min - 1 :].max(axis=-1)
    return Lives(promote_wealth(record, RULES)[..., -1], evidence, hopeful, null)


def promoted(searched: Lives, for_life: bool, ending: str) -> NDArray[np.bool_]:
    """Which recipes are promoted [lives, recipes]; what regret promotes is no discovery and frees no level."""
    decided = np.zeros(searched.worse.shape, dtype=bool)
    for life, verdicts in enumerate(decided):
        for recipe in range(RECIPES):
            place = Place(recipe + 1, int(verdicts[:recipe].sum()))
            needed = 1 / (place.level(ALPHA) if for_life else ALPHA)
            start = min(searched.record[life, recipe], needed) if ending == "carried" else 1.0
            verdicts[recipe] = start * searched.canary[life, recipe] >= needed
    return decided | searched.hopeful if ending == "regret" else decided


def false_share(searched: Lives, decided: NDArray[np.bool_]) -> NDArray[np.float64]:
    """By life: the false ones among its promotions, 0 without any."""
    false = (decided & searched.worse).sum(axis=1)
    return np.asarray(false / np.maximum(decided.sum(axis=1), 1))


def rows(number: int) -> list[dict[str, Any]]:
    """What each rule makes of searches where all, or half, of the recipes are worse."""
    table = []
    for worse in (1.0, 0.5):
        searched = lives(7, number, worse)
        for name, for_life, ending in KINDS:
            decided = promoted(searched, for_life, ending)
            false = false_share(searched, decided)
            good = decided[~searched.worse].mean() if worse < 1 else np.nan
            table.append(
                {"worse": worse, "rule": name, "false": false.mean(), "some": (false > 0).mean(), "good": good}
            )
    return table


KINDS = (
    ("e-LOND, carried", True, "carried"),
    ("e-LOND, hold", True, "hold"),
    ("e-LOND, regret", True, "regret"),
    ("0.05 each, carried", False, "carried"),
    ("0.05 each, hold", False, "hold"),
)


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--lives", type=int, default=400)
    number = options.parse_args().lives
    print(f"{number} lives of {RECIPES} recipes, nominal {ALPHA:.0%}")
    print("worse  rule                 false among promotions  lives with a false one  good ones found")
    for row in rows(number):
        print(
            f"{row['worse']:4.0%}   {row['rule']:<20} {row['false']:>22.1%} {row['some']:>23.1%} {row['good']:>16.0%}"
        )


if __name__ == "__main__":
    main()
