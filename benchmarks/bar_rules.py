"""Two constants of validation on bars that did not choose them: the bars beside a jump, and the reach of a wick.

    python -m benchmarks.bar_rules [--tickers 300] [--years 5]

`AROUND` (bars refused on either side of a jump that cannot be told) and `WICK` (how far an extreme must lie from what
is around it) were set after a look at real stocks. Here is what other values would do in a simulated market: spin-offs
that no factor tells, with the labels that still hold one; wrong wicks of several sizes; a flash crash, which is none.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd

from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.schema import PRICES
from evergreen.core.dataset.labels import forward_return
from evergreen.core.market import simulate
from evergreen.core.market.places import Places
from evergreen.core.quality import check, jumps, series, split

SPUN_OFF = (0.53, 0.62)  # of the price that stays: no usual ratio of a split lies between
SPURIOUS = 0.4  # in logs: no label of these markets is so large by itself
FLASH = (0.25, 0.7)  # in logs below the open: of the names on 2015-08-24
HORIZONS = (1, 5, 20)


@contextmanager
def constant(module: object, name: str, value: float) -> Iterator[None]:
    """The module with another value of a constant."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def with_spin_offs(bars: pd.DataFrame, at: Places) -> pd.DataFrame:
    """A third to half of each ticker's price gone overnight, the same money traded, and no factor for it."""
    spun = bars.copy()
    for row, span in zip(at.rows, at.spans, strict=True):
        spun.loc[span[span >= row], list(PRICES)] *= at.rng.uniform(*SPUN_OFF)
    return spun


def with_wicks(bars: pd.DataFrame, at: Places, size: float) -> pd.DataFrame:
    """A high or a low of each ticker `size` (log) beyond its bar."""
    spoiled = bars.copy()
    up = at.rng.random(len(at.rows)) < 0.5
    spoiled.loc[at.rows[up], "high"] *= np.exp(size)
    spoiled.loc[at.rows[~up], "low"] *= np.exp(-size)
    return spoiled


def with_flash_crash(bars: pd.DataFrame, at: Places, share: float) -> pd.DataFrame:
    """One session on which a share of the names fell far below their open, and came back."""
    crashed = bars.copy()
    rows = np.flatnonzero(bars["session"] == at.days[0])
    rows = at.rng.permutation(rows)[: round(share * len(rows))]
    crashed.loc[rows, "low"] = crashed.loc[rows, "open"] * np.exp(-at.rng.uniform(*FLASH, len(rows)))
    return crashed


def jumps_table(bars: pd.DataFrame, days: pd.DatetimeIndex) -> None:
    """Bars refused a jump, and the labels that still hold one, by `AROUND` and horizon."""
    spun = with_spin_offs(bars, Places.choose(bars, 21, 150))
    heads = "".join(f"{f'labels over {horizon}':>16}" for horizon in HORIZONS)
    print(f"\n{'AROUND':<10}{'told':>6}{'bars refused':>14}{heads}")
    for around in (0, 1, 2, 5):
        with constant(jumps, "AROUND", around):
            findings = check(spun, days)
            accepted, refused = split(spun, findings)
        blamed = len({each.ticker for each in findings if each.rule == "unexplained_jump"})
        left = [(forward_return(accepted, horizon).abs() > SPURIOUS).sum() for horizon in HORIZONS]
        print(f"{around:<10}{blamed:>6}{len(refused):>14}" + "".join(f"{count:>16}" for count in left))


def wicks_table(bars: pd.DataFrame, days: pd.DatetimeIndex) -> None:
    """Wrong wicks found, and names refused on a day of a flash crash, by `WICK`."""
    sizes, shares = (0.5, 0.8, 1.2, 2.3), (0.05, 0.15, 0.5)
    heads = "".join(f"{f'wrong by {np.exp(size):.1f}':>14}" for size in sizes)
    crash = "".join(f"{f'crash of {share:.0%}':>14}" for share in shares)
    print(f"\n{'WICK':<10}{'clean':>7}{heads}{crash}")
    for reach in (0.5, 0.7, 1.0, 1.5):
        with constant(series, "WICK", reach):
            clean = _wicks(bars, days)
            spoiled = [_wicks(with_wicks(bars, Places.choose(bars, 22, 150), size), days) for size in sizes]
            crashed = [_wicks(with_flash_crash(bars, Places.choose(bars, 23, 150), share), days) for share in shares]
        print(f"{reach:<10}{clean:>7}" + "".join(f"{count:>14}" for count in (*spoiled, *crashed)))


def _wicks(bars: pd.DataFrame, days: pd.DatetimeIndex) -> int:
    return sum(max(len(each.sessions), 1) for each in check(bars, days) if each.rule == "wick")


def main() -> None:
    """Print both tables."""
    options = argparse.ArgumentParser()
    options.add_argument("--tickers", type=int, default=300)
    options.add_argument("--years", type=int, default=5)
    given = options.parse_args()
    bars = simulate(given.tickers, given.years * 252, seed=31)
    days = Calendar("XNYS").sessions(bars["session"].min(), bars["session"].max())
    print(f"{len(bars):,} bars of {given.tickers} tickers; 150 events each, one a ticker")
    jumps_table(bars, days)
    wicks_table(bars, days)


if __name__ == "__main__":
    main()
