"""Whether an old crisis makes drift numb, and what a long memory of volatility does to its false alarms.

    python -m benchmarks.drift_memory --histories 40

Each history is a simulated market of seventeen years (`benchmarks.stationary`), trained on fifteen of them and watched
for two more, with weekly looks at the features of ten tickers. In some its moves treble for half a year in the sixth
year, and for good a year after the training's end. The null is replayed from all of the training, or from its last
sessions only.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.drift import STEP, YEAR, Watched, judge, suspects
from benchmarks.stationary import SPAN, features, market
from evergreen.core.drift import Calibration, Counts, calibrate, make_grid, session_counts

TRAIN, WATCHED, TICKERS = 3_750, 500, 10
CRISIS, LASTING, FACTOR = 1_250, 125, 3.0
AGAIN, WITHIN = 250, (60, 120)
MONTH, A_YEAR = 0.97, 0.5 ** (1 / 250)  # persistence of log volatility from one session to the next


@dataclass(frozen=True)
class RememberedMarket:
    """A market with or without a crisis in its training, and with or without one after it."""

    name: str
    crisis: bool = False
    again: bool = False
    persistence: float = MONTH

    @property
    def quiet(self) -> int:
        """Sessions watched in which nothing changes."""
        return AGAIN if self.again else WATCHED

    def history(self, seed: int) -> pd.DataFrame:
        """Its features, index (ticker, session)."""
        returns, volume = market(seed, TRAIN + WATCHED, TICKERS, self.persistence)
        if self.crisis:
            returns[SPAN + CRISIS : SPAN + CRISIS + LASTING] *= FACTOR
        if self.again:
            returns[SPAN + TRAIN + AGAIN :] *= FACTOR
        return features(returns, volume)


MARKETS = (
    RememberedMarket("nothing ever happens"),
    RememberedMarket("a crisis in the training", crisis=True),
    RememberedMarket("a crisis in the training, another after it", crisis=True, again=True),
    RememberedMarket("none in the training, one after it", again=True),
    RememberedMarket("volatility with a half-life of a year", persistence=A_YEAR),
)


class Findings(NamedTuple):
    """Of one history: what was found while nothing changed, and whether the crisis after it was in time."""

    market: str
    null: int
    false: int
    years: float
    in_60: bool
    in_120: bool


def findings(kind: RememberedMarket, seed: int, lengths: list[int]) -> list[Findings]:
    """With the null replayed from so many of the last sessions of the training."""
    frame = kind.history(seed)
    days = pd.DatetimeIndex(frame.index.get_level_values("session").unique().sort_values())
    grid = make_grid(frame[frame.index.get_level_values("session") < days[TRAIN]])
    counts = session_counts(frame, grid)
    rows = []
    for length in lengths:
        calibration = calibrate(counts.upto(days[TRAIN - 1]), remembered=length)
        assert isinstance(calibration, Calibration)
        drift = watched(calibration, counts).drift
        late = min((when - kind.quiet for when in drift if when > kind.quiet), default=np.inf)
        false = sum(when <= kind.quiet for when in drift)
        rows.append(Findings(kind.name, length, false, kind.quiet / YEAR, *(late <= limit for limit in WITHIN)))
    return rows


def watched(calibration: Calibration, counts: Counts) -> Watched:
    """Weekly looks from the end of the training on; a finding starts a cooldown."""
    seen = Watched()
    ends = np.arange(TRAIN + calibration.windows.current, len(counts.sessions) + 1, STEP)
    for end, suspicious in zip(ends.tolist(), suspects(calibration, counts, ends), strict=True):
        if suspicious:
            judge(calibration, counts, end, TRAIN, seen)
    return seen


def main() -> None:
    """Print, for each market and length, false findings a year and the share of crises found in time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--histories", type=int, default=40)
    parser.add_argument("--lengths", type=int, nargs="*", default=[TRAIN, 2_500, 1_500, 1_250])
    given = parser.parse_args()
    seeds = range(given.histories)
    rows = [row for kind in MARKETS for seed in seeds for row in findings(kind, seed, given.lengths)]
    groups = pd.DataFrame(rows).groupby(["market", "null"], sort=False)
    table = groups.agg({"false": "sum", "years": "sum", "in_60": "mean", "in_120": "mean"})
    table["false a year"] = table["false"] / table["years"]
    print(table.round(2).to_string())


if __name__ == "__main__":
    main()
