"""Bars in, the 158 factors out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.features.factors import FEATURE_NAMES, WINDOWS
from evergreen.core.features.families import TickerHistory, activity, agreement, balance, candle, price, span
from evergreen.core.features.kernels import Array, At, Features, store
from evergreen.errors import BadInput

_NEEDED = ("ticker", "session", "open", "high", "low", "close", "volume")
_NUMBERS = (*_NEEDED[2:], "factor", "vwap")
_CANDLES = FEATURE_NAMES.index(f"ROC{WINDOWS[0]}")
_COLUMN = {name.removesuffix(str(WINDOWS[0])): place for place, name in enumerate(FEATURE_NAMES)}


def compute(bars: pd.DataFrame, calendar: pd.DatetimeIndex | None, since: pd.Timestamp | None) -> pd.DataFrame:
    """See `evergreen.core.features.alpha158`."""
    _refuse_incomplete(bars)
    codes, tickers = pd.factorize(bars["ticker"].to_numpy(dtype=object), sort=True)
    days, ordinals = _sessions(bars, calendar)
    order = np.lexsort((ordinals, codes))
    codes, ordinals = codes[order], ordinals[order]
    _refuse_duplicates(tickers, days, codes, ordinals)
    start = 0 if since is None else int(days.searchsorted(since))
    in_answer = ordinals >= start
    matrix = np.empty((len(FEATURE_NAMES), int(in_answer.sum())), dtype=np.float32)  # a frame's and a file's order
    edges = list(pairwise(np.flatnonzero(np.diff(codes, prepend=-1, append=-1)).tolist()))
    work = partial(_fill, _numbers(bars, order), ordinals)
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(work, edges, _slices(matrix, edges, in_answer)))
    index = pd.MultiIndex.from_arrays(
        [tickers.take(codes[in_answer]), days.take(ordinals[in_answer])], names=["ticker", "session"]
    )
    return pd.DataFrame(matrix.T, index=index, columns=list(FEATURE_NAMES), copy=False)


def _refuse_incomplete(bars: pd.DataFrame) -> None:
    missing = [name for name in _NEEDED if name not in bars.columns]
    if missing:
        raise BadInput(f"bars have no column {', '.join(missing)}.", f"Needed: {', '.join(_NEEDED)}.")


def _sessions(bars: pd.DataFrame, calendar: pd.DatetimeIndex | None) -> tuple[pd.DatetimeIndex, At]:
    own = pd.DatetimeIndex(bars["session"]).as_unit("us")
    days = own.unique().sort_values() if calendar is None else calendar.as_unit("us")
    ordinals = days.get_indexer(own).astype(np.int64)
    if (ordinals < 0).any():
        stray = own[ordinals < 0][0]
        raise BadInput(f"bars of {stray.date()} are on no session of the calendar.", "Validate them first.")
    return days.rename("session"), ordinals


def _refuse_duplicates(
    tickers: NDArray[np.object_],
    days: pd.DatetimeIndex,
    codes: At,
    ordinals: At,
) -> None:
    twice = np.flatnonzero((np.diff(codes) == 0) & (np.diff(ordinals) == 0))
    if twice.size:
        where = f"{tickers[codes[twice[0]]]} on {days[ordinals[twice[0]]].date()}"
        raise BadInput(f"{where} has more than one bar.", "Validate the bars first: one row per ticker and session.")


def _numbers(bars: pd.DataFrame, order: At) -> dict[str, Array]:
    return {name: bars[name].to_numpy(dtype=np.float64)[order] for name in _NUMBERS if name in bars.columns}


def _adjusted(column: dict[str, Array]) -> Iterator[Array]:
    """Open, high, low, close, volume and vwap in split- and dividend-adjusted terms, infinities as NaN."""
    factor = column.get("factor", np.ones(1))
    vwap = column.get("vwap", (column["high"] + column["low"] + column["close"]) / 3)
    prices = [column[name] * factor for name in ("open", "high", "low", "close")]
    for values in (*prices, column["volume"] / factor, vwap * factor):
        yield np.where(np.isfinite(values), values, np.nan)


def _slices(matrix: Features, edges: list[tuple[int, int]], in_answer: NDArray[np.bool_]) -> Iterator[Features]:
    """The columns of each ticker in the matrix of all."""
    stop = 0
    for begin, end in edges:
        start, stop = stop, stop + int(in_answer[begin:end].sum())
        yield matrix[:, start:stop]


def _fill(column: dict[str, Array], ordinals: At, edges: tuple[int, int], out: Features) -> None:
    """Factors of one ticker, whose bars lie between `edges`; the last of them have a column of `out` each."""
    own = slice(*edges)
    at = ordinals[own]
    bars = TickerHistory(at, len(at) - out.shape[1], *_adjusted({name: values[own] for name, values in column.items()}))
    values = np.empty(out.shape)
    with np.errstate(all="ignore"):
        values[:_CANDLES] = candle(bars)
        for blocks in (price(bars), span(bars), agreement(bars), balance(bars), activity(bars)):
            for family, block in blocks.items():
                begin = _COLUMN[family]
                values[begin : begin + len(WINDOWS)] = block
    store(values, out)
