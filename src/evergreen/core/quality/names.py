"""Rules that tickers break together: one company's bars under another name."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evergreen.core.bars.schema import PRICES
from evergreen.core.quality.delivery_panel import DeliveryPanel
from evergreen.core.quality.tape import Floats, Ints, Mask, Tape

MIX = np.uint64(1_099_511_628_211)  # FNV's prime
SAME_SHARE = 0.5  # of a ticker's bars: more own than another's
FEWEST_SHARED = 5  # bars; a vendor swaps single days
NEARBY = 21  # bars, centred: what a ticker's own price is there


def name_masks(panel: DeliveryPanel) -> dict[str, Mask]:
    """`same_series`: half of a ticker's bars (and five) are another's as well. `wrong_company`: fewer are, and the
    bar lies further from its own ticker's prices nearby than its twin does from its."""
    tape = panel.tape
    group = _twins(panel)
    shared = group >= 0
    same = np.zeros(len(tape), dtype=bool)
    if shared.any():
        bars, twins = np.bincount(tape.ticker), np.bincount(tape.ticker, weights=shared)
        same = shared & ((twins >= FEWEST_SHARED) & (twins >= SAME_SHARE * bars))[tape.ticker]
        shared = _further(tape, group, shared & ~same)
    return {"same_series": panel.mask(tape, same), "wrong_company": panel.mask(tape, shared)}


def _twins(panel: DeliveryPanel) -> Ints:
    """For each bar of the tape a number it has in common with bars of other tickers that say the same; -1 where
    there is none.

    Raw numbers of the delivery are compared. Bars without trade or without a range are left out: they may well be
    equal by chance.
    """
    tape = panel.tape
    comparable = np.flatnonzero((tape.row >= 0) & (tape.volume > 0) & (tape.high > tape.low))
    columns = [panel.numbers[name][tape.row[comparable]] for name in (*PRICES, "volume")]
    digest = pd.util.hash_array(tape.at[comparable])
    for column in columns:
        digest = digest * MIX + pd.util.hash_array(column)
    codes, _ = pd.factorize(digest)
    common = np.bincount(codes)[codes] > 1
    group = np.full(len(tape), -1)
    group[comparable[common]] = codes[common]
    return group


def _further(tape: Tape, group: Ints, shared: Mask) -> Mask:
    """Of each group of twins all but the one nearest to its own ticker's prices."""
    places = np.flatnonzero(shared)
    distance = _from_own_prices(tape, places)
    nearest = pd.Series(distance).groupby(group[places]).transform("min").to_numpy()
    return np.isin(np.arange(len(tape)), places[~(distance <= nearest) | (distance == 0)])


def _from_own_prices(tape: Tape, places: Ints) -> Floats:
    """Log distance of the close from the median of the ticker's 21 bars around it."""
    window = places[:, None] + np.arange(NEARBY) - NEARBY // 2
    inside = np.clip(window, 0, len(tape) - 1)
    own = (window == inside) & (tape.ticker[inside] == tape.ticker[places][:, None])
    nearby = np.nanmedian(np.where(own, tape.close[inside], np.nan), axis=1)
    return np.asarray(np.abs(np.log(tape.close[places] / nearby)))
