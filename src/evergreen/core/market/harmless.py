"""What looks like a fault and is none: no bar may be refused for it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evergreen.core.bars.schema import PRICES
from evergreen.core.market.places import Fault, Places, events

SHOCK = (0.45, 1.2)  # in logs: what great companies lost overnight in 2008 and in March 2020
CROWD = (8.0, 30.0)  # times the usual money on the day; ten when Apple lost half on 2000-09-29
TICK = 0.0001  # the lowest step of prices that exchanges quote
TICKS = 4  # a share at one to five of the smallest steps


def _crash(bars: pd.DataFrame, at: Places) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A third to two thirds of the price gone overnight, for good, among a crowd."""
    spoiled = bars.copy()
    for row, span in zip(at.rows, at.spans, strict=True):
        rest, left = span[span >= row], np.exp(-at.rng.uniform(*SHOCK))
        spoiled.loc[rest, list(PRICES)] *= left
        spoiled.loc[row, "volume"] *= at.rng.uniform(*CROWD) / left
    return spoiled, events(bars, list(at.rows[:, None]))


def _one_tick_prices(bars: pd.DataFrame, at: Places) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tickers that trade at one to five of the smallest steps, and move by steps alone."""
    spoiled = bars.copy()
    for span in at.spans:
        own = bars.loc[span, list(PRICES)]
        steps = 1 + np.round(TICKS * (own - own["low"].min()) / (own["high"].max() - own["low"].min()))
        spoiled.loc[span, list(PRICES)] = TICK * steps
    return spoiled, events(bars, at.spans)


HARMLESS: dict[str, Fault] = {"crash": _crash, "one_tick_prices": _one_tick_prices}
