"""What a factor beside prices means: whether and how it is still to be applied to them."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from evergreen.core.bars.schema import KEYS
from evergreen.core.bars.session import iso
from evergreen.core.evaluation.robust import MAD_TO_SIGMA
from evergreen.errors import BadInput

HALF_WAY = 0.5  # between the slope of raw prices, 1, and of adjusted ones, 0
ERRORS = 3.0  # standard errors: chance lies as far off once in seven hundred files


Meaning = Literal["raw", "applied", "inverse"]


def factor_meaning(bars: pd.DataFrame) -> Meaning:
    """What prices beside `factor` are: to be multiplied by it, holding it already, or to be divided by it.

    With d log(factor) the steps s of a ticker and the moves of the close m at them, slope = -sum(s m) / sum(s s) is 1
    for raw prices, 0 for adjusted ones and -1 for those to be divided, with the error sd(m) / sqrt(sum(s s)). A ticker
    tells where its slope lies more than three errors from the half way to the next meaning. One that tells raw prices
    tells it for the file: what another has against it is a fault of its own, such as a dividend a hundred times too
    large.

    Raises:
        BadInput: the factor tells single events.
    """
    ordered = bars[[*KEYS, "close", "factor"]].sort_values(KEYS)
    own = ordered["ticker"].eq(ordered["ticker"].shift())
    with np.errstate(all="ignore"):
        steps = np.log(ordered["factor"]).diff().where(own)
        moves = np.log(ordered["close"]).diff().where(own)
    _refuse_events(ordered, own)
    usable = np.isfinite(steps) & np.isfinite(moves)
    by_ticker = pd.DataFrame({"ticker": ordered["ticker"], "steps": steps, "moves": moves})[usable].groupby("ticker")
    meanings = {meaning for meaning in map(_meaning, (rows for _, rows in by_ticker)) if meaning}
    if "raw" in meanings or not meanings:
        return "raw"
    return "applied" if "applied" in meanings else "inverse"


def _refuse_events(ordered: pd.DataFrame, own: pd.Series) -> None:
    """Refuse a factor that stands at single days: it tells each event by itself, and not what came of all of them.

    Raises:
        BadInput: it is 1 but for single days between others.
    """
    away = ordered["factor"].ne(1) & ordered["factor"].notna()
    before, after = away.shift(fill_value=False) & own, (away & own).shift(-1, fill_value=False)
    inner = own & own.shift(-1, fill_value=False)
    if away.any() and not (away & (before | after)).any() and (away & inner).any():
        day = ordered.loc[away & inner, "session"].iloc[0]
        raise BadInput(
            f"the factor is {ordered.loc[away & inner, 'factor'].iloc[0]:g} on {iso(day)} and 1 around it: it tells "
            "single events.",
            "A bar's factor is the product of all events after it; or leave the column out.",
        )


def _meaning(ticker: pd.DataFrame) -> Meaning | None:
    """What one ticker tells, None where its steps are too small to."""
    steps, moves = ticker["steps"], ticker["moves"]
    total = float((steps**2).sum())
    if total == 0 or np.isinf(total):
        return None
    slope = -float((steps * moves).sum()) / total
    error = ERRORS * float(MAD_TO_SIGMA * (moves - moves.median()).abs().median()) / np.sqrt(total)
    if slope - error > HALF_WAY:
        return "raw"
    if slope + error < -HALF_WAY:
        return "inverse"
    return "applied" if slope - error > -HALF_WAY and slope + error < HALF_WAY else None
