"""Random factors proposed as a program proposes them: how many does the gate claim better, counted and uncounted?

    python -m benchmarks.proposals [HOW_MANY] [TICKERS] [SESSIONS]

Each is trained (ridge, beside the 158) and compared with the champion on a simulated market, and counted in the
ledger. Beside it what a gate without a ledger would claim: each judged as if it were the first, at 5 %.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from evergreen.research.proposals import Workbench
from tests.random_formulas import random_formula
from tests.research_home import SMALL, research_home

ALPHA = 0.05


@dataclass(frozen=True)
class Claims:
    """Of so many factors, how many were claimed better, and how many by p below 5 % alone."""

    factors: int
    counted: int
    uncounted: int


def propose(factors: int, tickers: int, sessions: int, home: Path) -> Claims:
    """Try that many random factors in a fresh home."""
    bench = Workbench(research_home(home, tickers, sessions))
    generator = np.random.default_rng(2026)
    counted = uncounted = 0
    for number in range(factors):
        run = bench.train({f"R{number}": random_formula(generator)}, SMALL)
        verdict = bench.compare(run.run_id)
        counted += verdict.better
        uncounted += verdict.test is not None and verdict.test.p_better < ALPHA
    return Claims(factors, counted, uncounted)


def main() -> None:
    """Print the claims of one search."""
    factors, tickers, sessions = (*map(int, sys.argv[1:4]), *(200, 4, 640)[len(sys.argv[1:4]) :])
    began = time.process_time()
    with TemporaryDirectory() as folder:
        claims = propose(factors, tickers, sessions, Path(folder) / "home")
    print(f"{claims.counted} of {claims.factors} random factors claimed better by the gate, which counts them")
    print(f"{claims.uncounted} of {claims.factors} had p below {ALPHA}: what a gate that does not count would claim")
    print(f"{time.process_time() - began:.0f} s of processor")


if __name__ == "__main__":
    main()
