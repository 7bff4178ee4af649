"""The bars of each ticker in one sequence, as arrays: what rules about series walk along."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.evaluation.robust import MAD_TO_SIGMA

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Mask = NDArray[np.bool_]

USUAL_BARS = 20  # a month of sessions: long enough for a median, short enough to follow the market's mood
FEWEST_BARS = 5  # of fewer a median says nothing
USUAL_MOVE = 0.02  # where a ticker has too few bars to tell its own
FEWEST_STEPS = 3  # one or two may be chance; the smallest of three is the tick it is quoted in
LEAST_MOVE = 0.002  # in logs: a fund that hardly moves is not judged by its last basis point


@dataclass(frozen=True)
class Placed:
    """Bars by ticker and session, one each; every array has one value a bar.

    `ticker` numbers the tickers, `at` the sessions of the exchange, `row` is the bar's place in the delivery, -1
    for a bar that was known before.
    """

    ticker: Ints
    at: Ints
    row: Ints

    def __len__(self) -> int:
        return len(self.row)

    def follows(self, bars: int = 1) -> Mask:
        """Whether the ticker has as many as `bars` bars before."""
        same = np.zeros(len(self), dtype=bool)
        same[bars:] = self.ticker[bars:] == self.ticker[:-bars] if len(self) > bars else same[bars:]
        return same


@dataclass(frozen=True)
class Tape(Placed):
    """Bars with their prices and shares, adjusted."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    tick: Floats  # the smallest step the ticker's price was seen to take, adjusted like the bar's prices

    def keep(self, chosen: Mask) -> Tape:
        """The tape without the bars that are not `chosen`."""
        return Tape(**{name: values[chosen] for name, values in vars(self).items()})

    def before(self, values: Floats, bars: int = 1) -> Floats:
        """`values` as they were `bars` bars ago, NaN where the ticker had none."""
        shifted = np.full(len(self), np.nan)
        shifted[bars:] = values[:-bars]
        shifted[~self.follows(bars)] = np.nan
        return shifted

    def after(self, values: Floats, bars: int = 1) -> Floats:
        """`values` as they are `bars` bars later, NaN where the ticker has none."""
        shifted = np.full(len(self), np.nan)
        shifted[:-bars] = values[bars:]
        shifted[:-bars][~self.follows(bars)[bars:]] = np.nan
        return shifted

    def usual_move(self) -> Floats:
        """Robust deviation of the ticker's log moves of the close: 1.4826 times the median of their sizes."""
        moves = pd.Series(np.abs(np.log(self.close / self.before(self.close))))
        groups = moves.groupby(self.ticker)
        typical = MAD_TO_SIGMA * groups.median()
        typical = typical.where(groups.count() >= FEWEST_BARS, USUAL_MOVE).clip(lower=LEAST_MOVE)
        return np.asarray(typical.reindex(self.ticker), dtype=np.float64)

    def times_usual(self, values: Floats, rows: Ints) -> Floats:
        """`values` at `rows` over their median of up to 20 bars before; 1 where fewer than 5 are known."""
        window = rows[:, None] - np.arange(1, USUAL_BARS + 1)
        inside = np.maximum(window, 0)
        own = (window >= 0) & (self.ticker[inside] == self.ticker[rows][:, None])
        known = own.sum(axis=1) >= FEWEST_BARS
        ratio = np.ones(len(rows))
        earlier = np.where(own, values[inside], np.nan)[known]
        ratio[known] = values[rows[known]] / np.nanmedian(earlier, axis=1)
        return ratio


def smallest_steps(closes: Floats, ticker: Ints) -> Floats:
    """For each bar the smallest change of its ticker's raw close from bar to bar; 0 where it changed less than three
    times: two prices tell a jump, not a step. A price that stands at 1, 0.1 or less by tens throughout is the step
    itself: there is none below it."""
    steps = np.abs(np.diff(closes, prepend=np.nan))
    steps[(np.diff(ticker, prepend=-1) != 0) | ~(steps > 0)] = np.nan
    seen = pd.Series(steps).groupby(ticker)
    smallest = seen.min().where(seen.count() >= FEWEST_STEPS, 0.0)
    lowest, highest = (pd.Series(closes).groupby(ticker).agg(end) for end in ("min", "max"))
    with np.errstate(all="ignore"):
        unit = (lowest == highest) & (lowest <= 1) & np.isclose(lowest, 10 ** np.round(np.log10(lowest)))
    return np.asarray(smallest.where(~unit, lowest).reindex(ticker), dtype=np.float64)
