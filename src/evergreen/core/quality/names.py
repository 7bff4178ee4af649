"""Rules about names: what is no ticker, and one company's bars under two of them."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd

from evergreen.core.bars.schema import PRICES
from evergreen.core.quality.delivery_panel import DeliveryPanel
from evergreen.core.quality.tape import Floats, Ints, Mask, Tape

MIX = np.uint64(1_099_511_628_211)  # FNV's prime
SAME_SHARE = 0.5  # of a ticker's bars: more own than another's
FEWEST_SHARED = 5  # bars; a vendor swaps single days
TICKER = re.compile(  # what exchanges and vendors use: a symbol, class, series or market parted from it by one mark
    r"\^?[A-Z0-9&*$]{1,14}([.\-/:=][A-Z0-9]{1,6}| [A-Z0-9]{1,3}){0,3}"
)
COMPANY = re.compile(r".+ (INC|CO|LTD|PLC|AG|SA|NV|LLC|LP|GRP)")  # the words that end a company's name
DOWNLOADS = re.compile(
    r"HISTORICALDATA|HISTORY|DOWNLOAD|EXPORT|QUOTE|PRICES?|STOCKS?|DATA|DAILY|OHLCV?|BARS|TABLE|\d{9,}"
)
MARKS = re.compile(r"[.\-/: _]")  # with which one symbol is written in several ways
NEARBY = 21  # bars, centred: what a ticker's own price is there


def name_masks(panel: DeliveryPanel) -> dict[str, Mask]:
    """`same_series`: half of a ticker's bars (and five) are another's as well. `wrong_company`: fewer are, and the
    bar lies further from its own ticker's prices nearby than its twin does from its."""
    tape = panel.tape
    own_names = {
        "implausible_name": _of_tickers(panel, implausible),
        "other_spelling": _of_tickers(panel, other_spellings),
    }
    group = _twins(panel)
    shared = group >= 0
    same = np.zeros(len(tape), dtype=bool)
    if shared.any():
        bars, twins = np.bincount(tape.ticker), np.bincount(tape.ticker, weights=shared)
        same = shared & ((twins >= FEWEST_SHARED) & (twins >= SAME_SHARE * bars))[tape.ticker]
        shared = _further(tape, group, shared & ~same)
    return own_names | {"same_series": panel.mask(tape, same), "wrong_company": panel.mask(tape, shared)}


def implausible(counts: pd.Series) -> set[str]:
    """Names that no exchange gives: those of downloads, of companies, of copies of a file."""
    names = [str(name) for name in counts.index]
    return {name for name in names if not TICKER.fullmatch(name.upper()) or _is_other(name.upper())}


def _is_other(name: str) -> bool:
    return bool(DOWNLOADS.fullmatch(name) or COMPANY.fullmatch(name))


def other_spellings(counts: pd.Series) -> set[str]:
    """Of names that differ in nothing but the mark within them, or in case, all but the one with most bars."""
    plain = pd.Series([MARKS.sub(".", str(name).strip().upper()) for name in counts.index], counts.index)
    most = counts.sort_values(ascending=False, kind="stable").index
    first = plain.reindex(most).drop_duplicates().index
    return set(counts.index) - set(first)


def _of_tickers(panel: DeliveryPanel, choose: Callable[[pd.Series], set[str]]) -> Mask:
    """The bars of the tickers that are chosen from all by how many bars they have."""
    tickers = panel.bars["ticker"]
    counts = tickers[[isinstance(name, str) for name in tickers]].value_counts(sort=False)
    return np.asarray(tickers.isin({name for name in choose(counts) if name.strip()}), dtype=bool)


def _twins(panel: DeliveryPanel) -> Ints:
    """For each bar of the tape a number it has in common with bars of other tickers that say the same; -1 where
    there is none.

    Raw numbers of the delivery are compared. Bars without trade or without a range are left out: they may well be
    equal by chance.
    """
    tape = panel.tape
    comparable = np.flatnonzero((tape.row >= 0) & (tape.volume > 0) & (tape.high > tape.low))
    digest = pd.util.hash_array(tape.at[comparable])
    for name in (*PRICES, "volume"):
        digest *= MIX
        digest += pd.util.hash_array(panel.numbers[name][tape.row[comparable]])
    ordered = np.sort(digest)  # a table of all digests would be as large as the bars
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    group = np.full(len(tape), -1)
    if len(twice):
        place = np.minimum(np.searchsorted(twice, digest), len(twice) - 1)
        common = twice[place] == digest
        group[comparable[common]] = place[common]
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
