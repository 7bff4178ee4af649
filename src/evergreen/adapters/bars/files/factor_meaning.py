"""What a factor beside prices means: whether it is still to be applied to them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evergreen.core.bars.schema import KEYS
from evergreen.core.evaluation.robust import MAD_TO_SIGMA

HALF_WAY = 0.5  # between the slope of raw prices, 1, and of adjusted ones, 0
ERRORS = 3.0  # standard errors: chance lies as far off once in seven hundred files


def applied_already(bars: pd.DataFrame) -> bool:
    """Whether prices are smooth where `factor` steps, so that they hold the factor already.

    With d log(factor) the steps s and the moves of the close m at them, slope = -sum(s m) / sum(s s) is 1 for raw
    prices and 0 for adjusted ones, with the error sd(m) / sqrt(sum(s s)). Said only where the slope lies more than
    three errors below a half.
    """
    ordered = bars.sort_values(KEYS)
    own = ordered["ticker"].eq(ordered["ticker"].shift())
    with np.errstate(all="ignore"):
        steps = np.log(ordered["factor"]).diff()[own]
        moves = np.log(ordered["close"]).diff()[own]
    usable = np.isfinite(steps) & np.isfinite(moves)
    steps, moves = steps[usable], moves[usable]
    total = float((steps**2).sum())
    if total == 0 or np.isinf(total):
        return False
    slope = -float((steps * moves).sum()) / total
    usual = float(MAD_TO_SIGMA * (moves - moves.median()).abs().median())
    return bool(slope + ERRORS * usual / np.sqrt(total) < HALF_WAY)
