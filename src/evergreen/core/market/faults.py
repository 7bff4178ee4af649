"""Vendor faults on demand: clean bars in, bars with known faults and the list of them out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evergreen.core.bars.schema import conform
from evergreen.core.market import delivery_faults, value_faults
from evergreen.core.market.harmless import HARMLESS
from evergreen.core.market.places import Fault, Ints, Places, events
from evergreen.errors import BadInput

FAULTS: dict[str, Fault] = value_faults.FAULTS | delivery_faults.FAULTS
"""Every fault there is, by name."""


@dataclass(frozen=True)
class Spoiled:
    """`bars` with faults; `truth` has a row (ticker, session, event) for each bar that a fault is about.

    A bar that was taken away is told by the first one after it.
    """

    bars: pd.DataFrame
    truth: pd.DataFrame


def spoil(bars: pd.DataFrame, kind: str, seed: int, count: int = 100) -> Spoiled:
    """`bars` with `count` faults of `kind` at random places, one a ticker (or one a session, for those of a day).

    With a kind of `HARMLESS` there are none to be found.

    There are fewer where there are fewer tickers with over 120 bars. What is injected is large enough to be seen: a
    price moves by at least 15 % and eight of the ticker's usual moves.

    Raises:
        BadInput: no such kind, or no ticker with over 120 bars.
    """
    known = FAULTS | HARMLESS
    if kind not in known:
        raise BadInput(f"there is no fault {kind!r}.", f"Known: {', '.join(known)}.")
    clean = conform(bars)
    spoiled, truth = known[kind](clean, Places.choose(clean, seed, count))
    return Spoiled(conform(spoiled), truth.reset_index(drop=True))


def restate(bars: pd.DataFrame, seed: int, count: int = 20) -> Spoiled:
    """`bars` in which `count` closes were silently put elsewhere between low and high.

    No rule can see it: only a comparison with what was delivered before.
    """
    clean = conform(bars)
    rng = np.random.default_rng(seed)
    rows: Ints = np.sort(rng.permutation(len(clean))[:count])
    low, high = clean["low"].to_numpy()[rows], clean["high"].to_numpy()[rows]
    changed = clean.copy()
    changed.loc[rows, "close"] = low + rng.uniform(0, 1, len(rows)) * (high - low)
    return Spoiled(changed, events(clean, [np.array([row]) for row in rows]))
