"""Factors declared in a line or two, beside the 158: a function of adjusted bars, its lookback, its docstring."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.bars.schema import PRICES
from evergreen.core.features.factors import FEATURE_NAMES, LOOKBACK, Factor
from evergreen.errors import BadInput


@dataclass(frozen=True)
class AdjustedBars:
    """Split- and dividend-adjusted bars of a whole market, each a float64 frame [session x ticker].

    Sessions are those of the calendar; a ticker without a bar that day has NaN. Levels depend on splits yet to
    come: only ratios are known at their session.
    """

    open: pd.DataFrame
    high: pd.DataFrame
    low: pd.DataFrame
    close: pd.DataFrame
    volume: pd.DataFrame
    vwap: pd.DataFrame


Function = Callable[[AdjustedBars], pd.DataFrame]


@dataclass(frozen=True)
class DeclaredFactor(Factor):
    """A factor with the function that computes it, known at the close of its session."""

    function: Function

    @property
    def view(self) -> str:
        """Its name in the feature store: another definition under the same name is another view."""
        try:
            source = inspect.getsource(self.function)
        except OSError:
            raise BadInput(
                f"the source of factor {self.name} cannot be read.", "Declare it in a file or a notebook."
            ) from None
        return f"{self.name}_{hashlib.sha256(f'{self.lookback} {source}'.encode()).hexdigest()[:8]}"


def factor(lookback: int, name: str = "", formula: str = "") -> Callable[[Function], DeclaredFactor]:
    """Declare the function below as a factor; its name and docstring become the factor's name and formula.

        @factor(lookback=21)
        def MOM20(bars):
            \"\"\"close / ref(close, 20) - 1\"\"\"
            return bars.close / bars.close.shift(20) - 1

    Args:
        lookback: sessions it reads, its own included.
        name: instead of the function's own.
        formula: instead of the docstring.

    Raises:
        BadInput: no usable name, a name that is taken, or a lookback below 1.
    """

    def declare(function: Function) -> DeclaredFactor:
        called = name or function.__name__
        if not called.isidentifier() or called in FEATURE_NAMES or lookback < 1:
            raise BadInput(
                f"a factor cannot be called {called!r} with a lookback of {lookback}.",
                "Give a new name that is an identifier, and the sessions it reads, its own included.",
            )
        return DeclaredFactor(called, formula or inspect.cleandoc(function.__doc__ or ""), lookback, function)

    return declare


def lookback_of(factors: Sequence[Factor]) -> int:
    """Sessions that the 158 and these together read."""
    return max([LOOKBACK, *(each.lookback for each in factors)])


def with_declared(
    features: pd.DataFrame, bars: pd.DataFrame, factors: Sequence[DeclaredFactor], calendar: pd.DatetimeIndex | None
) -> pd.DataFrame:
    """`features` and a float32 column for each factor, infinities as NaN.

    Raises:
        BadInput: a factor does not answer with a frame shaped like the bars it was given.
    """
    if not factors:
        return features
    wide = _wide(bars, calendar)
    rows = wide.close.index.get_indexer(features.index.get_level_values("session"))
    columns = wide.close.columns.get_indexer(features.index.get_level_values("ticker"))
    values = {each.name: _values(each, wide)[rows, columns] for each in factors}
    return pd.concat([features, pd.DataFrame(values, index=features.index)], axis=1)


def _values(declared: DeclaredFactor, wide: AdjustedBars) -> NDArray[np.float32]:
    answer = declared.function(wide)
    if not isinstance(answer, pd.DataFrame) or answer.shape != wide.close.shape:
        raise BadInput(
            f"factor {declared.name} answers with {type(answer).__name__}, not a frame of {wide.close.shape}.",
            "Return one value for each session and ticker of the bars.",
        )
    with np.errstate(over="ignore"):
        values = answer.reindex_like(wide.close).to_numpy(dtype=np.float32)
    return np.where(np.isfinite(values), values, np.float32(np.nan))


def _wide(bars: pd.DataFrame, calendar: pd.DatetimeIndex | None) -> AdjustedBars:
    by_key = bars.set_index(["session", "ticker"]).sort_index()
    factor = by_key["factor"] if "factor" in by_key else pd.Series(1.0, by_key.index)
    vwap = by_key["vwap"] if "vwap" in by_key else by_key[["high", "low", "close"]].sum(axis=1, min_count=3) / 3
    long = by_key[list(PRICES)].assign(vwap=vwap).mul(factor, axis=0).assign(volume=by_key["volume"] / factor)
    seen = by_key.index.unique("session")
    days = seen if calendar is None else calendar[(calendar >= seen.min()) & (calendar <= seen.max())]
    finite = long.where(np.isfinite(long))
    return AdjustedBars(**{str(name): finite[name].unstack("ticker").reindex(days) for name in finite})
