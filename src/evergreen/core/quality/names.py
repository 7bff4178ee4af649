"""Rules that tickers break together: one company's bars under another name."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evergreen.core.bars.schema import PRICES
from evergreen.core.quality.line import Floats, Ints, Line, Mask
from evergreen.core.quality.panel import Panel

MIX = np.uint64(1_099_511_628_211)  # FNV's prime
SAME_SHARE = 0.5
FEWEST_SHARED = 5
NEARBY = 21  # bars, centred: what a ticker's own price is there


def name_masks(panel: Panel) -> dict[str, Mask]:
    """`same_series`: half of a ticker's bars (and five) are another's as well. `wrong_company`: fewer are, and the
    bar lies further from its own ticker's prices nearby than its twin does from its."""
    line = panel.line
    group = _twins(panel)
    shared = group >= 0
    same = np.zeros(len(line), dtype=bool)
    if shared.any():
        bars, twins = np.bincount(line.ticker), np.bincount(line.ticker, weights=shared)
        same = shared & ((twins >= FEWEST_SHARED) & (twins >= SAME_SHARE * bars))[line.ticker]
        shared = _further(line, group, shared & ~same)
    return {"same_series": panel.mask(line, same), "wrong_company": panel.mask(line, shared)}


def _twins(panel: Panel) -> Ints:
    """For each bar of the line a number it has in common with bars of other tickers that say the same; -1 where
    there is none.

    Raw numbers of the delivery are compared. Bars without trade or without a range are left out: they may well be
    equal by chance.
    """
    line = panel.line
    told = np.flatnonzero((line.row >= 0) & (line.volume > 0) & (line.high > line.low))
    columns = [panel.numbers[name][line.row[told]] for name in (*PRICES, "volume")]
    digest = pd.util.hash_array(line.at[told])
    for column in columns:
        digest = digest * MIX + pd.util.hash_array(column)
    codes, _ = pd.factorize(digest)
    common = np.bincount(codes)[codes] > 1
    group = np.full(len(line), -1)
    group[told[common]] = codes[common]
    return group


def _further(line: Line, group: Ints, shared: Mask) -> Mask:
    """Of each group of twins all but the one nearest to its own ticker's prices."""
    places = np.flatnonzero(shared)
    distance = _from_own_prices(line, places)
    nearest = pd.Series(distance).groupby(group[places]).transform("min").to_numpy()
    return np.isin(np.arange(len(line)), places[~(distance <= nearest) | (distance == 0)])


def _from_own_prices(line: Line, places: Ints) -> Floats:
    """Log distance of the close from the median of the ticker's 21 bars around it."""
    window = places[:, None] + np.arange(NEARBY) - NEARBY // 2
    inside = np.clip(window, 0, len(line) - 1)
    own = (window == inside) & (line.ticker[inside] == line.ticker[places][:, None])
    nearby = np.nanmedian(np.where(own, line.close[inside], np.nan), axis=1)
    return np.asarray(np.abs(np.log(line.close[places] / nearby)))
