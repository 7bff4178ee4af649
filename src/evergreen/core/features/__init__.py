"""Factors of a bar panel: Qlib's Alpha158 by name and definition.

`FACTORS` declares each with its formula and history; `alpha158` computes them. `factor` declares one more;
`compute_features` computes both kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from evergreen.core.features.declared import AdjustedBars, DeclaredFactor, factor, lookback_of, with_declared
from evergreen.core.features.factors import FACTORS, FEATURE_NAMES, LOOKBACK, WINDOWS, Factor
from evergreen.core.features.formula import FormulaFactor, from_formula

__all__ = [
    "FACTORS",
    "FEATURE_NAMES",
    "LOOKBACK",
    "WINDOWS",
    "AdjustedBars",
    "Alpha",
    "DeclaredFactor",
    "Factor",
    "FormulaFactor",
    "alpha158",
    "compute_features",
    "factor",
    "from_formula",
    "lookback_of",
]


def alpha158(
    bars: pd.DataFrame,
    calendar: pd.DatetimeIndex | None = None,
    since: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """The 158 factors of every bar, known at the close of its session.

    Args:
        bars: one row per ticker and session in any order: ticker, session, open, high, low, close, volume,
            and optionally factor (1.0 if absent) and vwap (typical price if absent). Prices are raw: formulas
            see price * factor and volume / factor.
        calendar: the sessions that windows are counted in, sorted. By default those that occur in `bars`;
            give the exchange's own when `bars` hold few tickers, or a day on which all of them halted does
            not count.
        since: compute only rows from this session on. A row reads the last `LOOKBACK` sessions, its own
            included: bars from `LOOKBACK - 1` sessions before `since` give the same bits as a whole history.

    Returns:
        float32, one column per name in `FEATURE_NAMES`, MultiIndex (ticker, session) sorted, a row per bar.
        NaN where a formula has nothing to work with (ROC before its lag exists, a deviation of one value).

    Raises:
        BadInput: a column is missing, a bar is on no session of the calendar, or two bars share ticker and
            session.

    Source: Yang, Liu, Zhou, Bian & Liu, "Qlib: An AI-oriented Quantitative Investment Platform", arXiv
    2009.11189, and the factor list of its Alpha158 handler. Values equal Qlib's, gaps within a window
    included, but where a window opens in a gap: it starts at its first bar here, so that a row depends on the
    bars it reads and not on when the ticker was first listed.
    """
    from evergreen.core.features.alpha import compute  # compiled code: only when factors are wanted

    return compute(bars, calendar, since)


Alpha = Callable[[pd.DataFrame, pd.DatetimeIndex | None, pd.Timestamp | None], pd.DataFrame]


def compute_features(
    bars: pd.DataFrame,
    factors: Sequence[DeclaredFactor] = (),
    calendar: pd.DatetimeIndex | None = None,
    since: pd.Timestamp | None = None,
    alpha: Alpha = alpha158,
) -> pd.DataFrame:
    """The 158 factors and those declared, as `alpha158` gives them; `lookback_of(factors)` sessions are read.

    `alpha` computes the 158, here or on other machines; a declared factor may look at the whole market.

    Raises:
        BadInput: as `alpha158` does, or a declared factor answers with something else than a frame.
    """
    return with_declared(alpha(bars, calendar, since), bars, factors, calendar)
