"""The sequential test on failed and slow answers: false trips, and requests until a harmful canary is found.

python -m benchmarks.guardrails --runs 1000

Beside it, a two-proportion z test at the same nominal 1 %, looked at with every event.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from benchmarks.autocorrelated import share as with_errors
from evergreen.core.canary.guardrails import GUARDRAIL_TRIP, EventCounts, excess_ln_e

REQUESTS, USUAL = 50_000, 0.005
Z = 2.326  # one-sided 1 %


@cache
def trips(share: float, events: int, canary: int) -> bool:
    """Whether these counts stop a canary."""
    return excess_ln_e([EventCounts(share, events, canary)]) >= math.log(GUARDRAIL_TRIP)


def z_trips(share: float, events: int, canary: int) -> bool:
    """Whether a z test calls the canary's part of the events larger than its share of the requests."""
    return canary - events * share > Z * math.sqrt(events * share * (1 - share))


def walk(generator: np.random.Generator, share: float, harm: float) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Requests (1-based) at which events happened, and whether the canary's; one request is one client and hour."""
    mine = generator.random(REQUESTS) < share
    events = generator.random(REQUESTS) < np.where(mine, harm, USUAL)
    at = np.flatnonzero(events)
    return at + 1, mine[at]


def first_trip(at: NDArray[np.int64], mine: NDArray[np.bool_], share: float) -> tuple[int, int]:
    """The request at which the guardrail and the z test first trip, 0 if never."""
    tripped_at = [0, 0]
    tests: tuple[Callable[[float, int, int], bool], ...] = (trips, z_trips)
    for number, canary in enumerate(np.cumsum(mine), start=1):
        for place, tripped in enumerate(tests):
            if not tripped_at[place] and tripped(share, number, int(canary)):
                tripped_at[place] = int(at[number - 1])
    return tripped_at[0], tripped_at[1]


def main() -> None:
    """Print false trips and detection by exposure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    runs = arguments.runs
    print(f"{runs} runs of {REQUESTS:,} requests, {USUAL:.1%} of the champion's answers fail or are slow")
    print("± three standard errors; bound of false trips 1 %; requests: median until found, all arms together")
    for share in (0.05, 0.25, 0.50):
        for harm in (USUAL, 0.02, 0.05):
            generator = np.random.default_rng(arguments.seed)
            ours, naive = np.array([first_trip(*walk(generator, share, harm), share) for _ in range(runs)]).T
            hit = ours > 0
            median = f"{np.median(ours[hit]):8,.0f} requests" if harm > USUAL and hit.any() else ""
            line = f"canary {share:4.0%}, its events {harm:4.1%}: tripped {with_errors(int(hit.sum()), runs)}"
            print(f"{line} (z test {(naive > 0).mean():6.1%}) {median}")


if __name__ == "__main__":
    main()
