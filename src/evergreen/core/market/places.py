"""Where faults go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.evaluation.robust import MAD_TO_SIGMA
from evergreen.errors import BadInput

Ints = NDArray[np.intp]
MARGIN = 60  # bars: what the longest rule looks back, at either end of a ticker that stay as they are
SEEN = 0.15  # in logs: what anybody looking at a chart would see
SEEN_DEVIATIONS = 8.0  # usual moves, above what turmoil does


@dataclass(frozen=True)
class Places:
    """One row of the bars for each fault, each of another ticker; `spans` are all rows of those tickers."""

    rng: np.random.Generator
    rows: Ints
    spans: list[Ints]
    days: pd.DatetimeIndex

    @classmethod
    def choose(cls, bars: pd.DataFrame, seed: int, count: int) -> Places:
        """Random places, and random sessions at least three apart."""
        rng = np.random.default_rng(seed)
        spans = [rows for rows in bars.groupby("ticker", sort=False).indices.values() if len(rows) > 2 * MARGIN]
        if not spans:
            raise BadInput("there is no ticker with over 120 bars to spoil.", "Simulate a longer market.")
        chosen = [spans[place] for place in rng.permutation(len(spans))[:count]]
        rows = np.array([rng.choice(span[MARGIN:-MARGIN]) for span in chosen])
        days = pd.DatetimeIndex(np.sort(bars["session"].unique()))[MARGIN:-MARGIN:3]
        return cls(rng, rows, chosen, days.take(rng.permutation(len(days))[:count]))

    def size(self, span: Ints, closes: NDArray[np.float64]) -> float:
        """A log move that anybody would see: 15 % and eight usual moves at least, up to a half more; either way."""
        usual = MAD_TO_SIGMA * float(np.median(np.abs(np.diff(np.log(closes[span])))))
        least = max(SEEN, SEEN_DEVIATIONS * usual)
        return float(self.rng.choice([-1, 1]) * self.rng.uniform(least, least + 0.5))


Fault = Callable[[pd.DataFrame, Places], tuple[pd.DataFrame, pd.DataFrame]]
"""Of clean bars and places: the spoiled bars, and the truth about them."""


def events(bars: pd.DataFrame, rows: Sequence[Ints]) -> pd.DataFrame:
    """The truth about faults, each a set of rows: ticker, session and the fault's number."""
    counts = [len(each) for each in rows]
    truth = bars.loc[np.concatenate([np.asarray(each) for each in rows]), ["ticker", "session"]]
    return truth.assign(event=np.repeat(np.arange(len(rows)), counts))
