"""Bars in, the 158 factors out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.features.factors import FEATURE_NAMES, WINDOWS
from evergreen.core.features.families import History, activity, agreement, balance, candle, price, span
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
    wanted = ordinals >= start
    matrix = np.empty((int(wanted.sum()), len(FEATURE_NAMES)), dtype=np.float32)
    histories = list(_histories(_numbers(bars, order), codes, ordinals, start))
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(_fill, histories, _slices(matrix, histories)))
    index = pd.MultiIndex.from_arrays(
        [tickers.take(codes[wanted]), days.take(ordinals[wanted])], names=["ticker", "session"]
    )
    return pd.DataFrame(matrix, index=index, columns=list(FEATURE_NAMES), copy=False)


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


def _histories(column: dict[str, Array], codes: At, ordinals: At, start: int) -> Iterator[History]:
    edges = np.flatnonzero(np.diff(codes, prepend=-1, append=-1))
    for begin, end in pairwise(edges.tolist()):
        at = ordinals[begin:end]
        own = {name: values[begin:end] for name, values in column.items()}
        yield History(at, int(np.searchsorted(at, start)), *_adjusted(own))


def _adjusted(column: dict[str, Array]) -> Iterator[Array]:
    """Open, high, low, close, volume and vwap in split- and dividend-adjusted terms, infinities as NaN."""
    factor = column.get("factor", np.ones(1))
    vwap = column.get("vwap", (column["high"] + column["low"] + column["close"]) / 3)
    prices = [column[name] * factor for name in ("open", "high", "low", "close")]
    for values in (*prices, column["volume"] / factor, vwap * factor):
        yield np.where(np.isfinite(values), values, np.nan)


def _slices(matrix: Features, jobs: list[History]) -> Iterator[Features]:
    begin = 0
    for job in jobs:
        end = begin + job.at.size - job.first
        yield matrix[begin:end]
        begin = end


def _fill(bars: History, out: Features) -> None:
    values = np.empty((len(FEATURE_NAMES), len(out)))
    with np.errstate(all="ignore"):
        values[:_CANDLES] = candle(bars)
        for blocks in (price(bars), span(bars), agreement(bars), balance(bars), activity(bars)):
            for family, block in blocks.items():
                begin = _COLUMN[family]
                values[begin : begin + len(WINDOWS)] = block
    store(values, out)
