"""Compiled window statistics of one ticker.

Each value is computed from its own window alone, walking back from the session in one pass that serves all
window lengths. No sum is carried from session to session, so a value never depends on what came before its
window: a row computed from the last `LOOKBACK` sessions equals the same row of a whole history, bit for bit.

`x` and its like are the bars of one ticker in order; `at` is the ordinal of each bar's session in the
calendar, so that a jump in it is a run of missing sessions; `first` is the first bar to compute; `windows`
are the lengths, ascending. Statistics come back as float64 arrays of shape (window lengths, bars computed).
Missing and infinite values are skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite, log, sqrt
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
At = NDArray[np.int64]
Features = NDArray[np.float32]
Windows = tuple[int, ...]

FLAT = 2e-5  # spread up to which an R-square or a correlation is left undefined

Compiled = TypeVar("Compiled", bound=Callable[..., Any])


def compiled(function: Compiled) -> Compiled:
    """Compile on first call and keep the machine code beside the source."""
    return cast(Compiled, njit(cache=True, nogil=True, error_model="numpy")(function))


@compiled
def lagged(x: Array, at: At, sessions: int) -> Array:
    """Value `sessions` sessions earlier, NaN where that session is missing."""
    earlier = np.full(x.size, np.nan)
    j = 0
    for i in range(x.size):
        while at[i] - at[j] > sessions:
            j += 1
        if at[i] - at[j] == sessions:
            earlier[i] = x[j]
    return earlier


@compiled
def log_plus_one(x: Array) -> Array:
    """log(x + 1), one value at a time: equal inputs give equal bits wherever they stand in the array."""
    logs = np.empty(x.size)
    for i in range(x.size):
        logs[i] = log(x[i] + 1.0)
    return logs


@compiled
def store(values: Array, out: Features) -> None:
    """Write (factors, bars) float64 values into the float32 table of that shape, with one kind of NaN."""
    for k in range(out.shape[0]):
        for i in range(out.shape[1]):
            out[k, i] = np.nan if np.isnan(values[k, i]) else values[k, i]


@compiled
def _deviation(total: float, squares: float, count: int) -> float:
    if count < 2:
        return np.nan
    return sqrt(max(squares - total * total / count, 0.0) / (count - 1))


@compiled
def moments(x: Array, at: At, first: int, windows: Windows) -> tuple[Array, Array]:
    """Mean and standard deviation (ddof 1); sums of distances to the newest value, against cancellation."""
    mean = np.empty((len(windows), x.size - first))
    deviation = np.empty((len(windows), x.size - first))
    for i in range(first, x.size):
        j, n, origin, total, squares = i, 0, np.nan, 0.0, 0.0
        for w in range(len(windows)):
            while j >= 0 and at[i] - at[j] < windows[w]:
                if isfinite(x[j]):
                    origin = x[j] if n == 0 else origin
                    y = x[j] - origin
                    n, total, squares = n + 1, total + y, squares + y * y
                j -= 1
            mean[w, i - first] = origin + total / n
            deviation[w, i - first] = _deviation(total, squares, n)
    return mean, deviation


@compiled
def trend(x: Array, at: At, first: int, windows: Windows) -> tuple[Array, Array, Array]:
    """Least squares on time: slope per session, R-square (NaN if flat), residual of the session itself."""
    slopes = np.empty((len(windows), x.size - first))
    rsquare = np.empty((len(windows), x.size - first))
    residual = np.empty((len(windows), x.size - first))
    for i in range(first, x.size):
        j, n, origin = i, 0, np.nan
        st = stt = sy = syy = sty = 0.0
        for w in range(len(windows)):
            while j >= 0 and at[i] - at[j] < windows[w]:
                if isfinite(x[j]):
                    origin = x[j] if n == 0 else origin
                    t, y = float(at[j] - at[i]), x[j] - origin
                    n, st, stt = n + 1, st + t, stt + t * t
                    sy, syy, sty = sy + y, syy + y * y, sty + t * y
                j -= 1
            covariance, time, spread = n * sty - st * sy, n * stt - st * st, n * syy - sy * sy
            slope = covariance / time
            flat = _deviation(sy, syy, n) <= FLAT
            slopes[w, i - first] = slope
            rsquare[w, i - first] = np.nan if flat else covariance * covariance / (time * spread)
            residual[w, i - first] = x[i] - origin - (sy - slope * st) / n
    return slopes, rsquare, residual


@compiled
def extremes(high: Array, low: Array, at: At, first: int, windows: Windows) -> Array:
    """Highest high, lowest low, and the place of each, from 1, the oldest if tied; in Qlib's way a gap takes it."""
    extreme = np.empty((4, len(windows), at.size - first))
    for i in range(first, at.size):
        j, start, most, least = i, at[i], -np.inf, np.inf
        most_at = least_at = no_high = no_low = -1
        for w in range(len(windows)):
            while j >= 0 and at[i] - at[j] < windows[w]:
                if at[j] + 1 < start:
                    no_high = no_low = at[j] + 1
                start = at[j]
                no_high = start if not isfinite(high[j]) else no_high
                no_low = start if not isfinite(low[j]) else no_low
                if high[j] >= most:
                    most, most_at = high[j], start
                if low[j] <= least:
                    least, least_at = low[j], start
                j -= 1
            extreme[0, w, i - first] = most if most_at >= 0 else np.nan
            extreme[1, w, i - first] = least if least_at >= 0 else np.nan
            extreme[2, w, i - first] = (no_high if no_high >= 0 else most_at) - start + 1 if most_at >= 0 else np.nan
            extreme[3, w, i - first] = (no_low if no_low >= 0 else least_at) - start + 1 if least_at >= 0 else np.nan
    return extreme


@compiled
def _insert(ordered: Array, count: int, value: float) -> int:
    k = count
    while k > 0 and ordered[k - 1] > value:
        ordered[k] = ordered[k - 1]
        k -= 1
    ordered[k] = value
    return count + 1


@compiled
def _remove(ordered: Array, count: int, value: float) -> int:
    k = np.searchsorted(ordered[:count], value)
    while k < count - 1:
        ordered[k] = ordered[k + 1]
        k += 1
    return count - 1


@compiled
def _quantile(ordered: Array, count: int, share: float) -> float:
    if count == 0:
        return np.nan
    place = share * (count - 1)
    k = int(place)
    low = float(ordered[k])
    return low if place == k else low + (ordered[k + 1] - low) * (place - k)


@compiled
def _rank(ordered: Array, count: int, value: float) -> float:
    if not isfinite(value):
        return np.nan
    below = np.searchsorted(ordered[:count], value)
    upto = below
    while upto < count and ordered[upto] == value:
        upto += 1
    return (below + upto + 1) / 2 / count


@compiled
def order(x: Array, at: At, first: int, windows: Windows) -> tuple[Array, Array, Array]:
    """80 % and 20 % quantiles (linear between values) and the session's own rank as a share, ties averaged.

    The sorted window slides along: it holds the window's values, whatever came before, and no arithmetic.
    """
    upper = np.empty((len(windows), x.size - first))
    lower = np.empty((len(windows), x.size - first))
    rank = np.empty((len(windows), x.size - first))
    ordered = np.empty(windows[-1] + 1)
    for w in range(len(windows)):
        oldest, n = 0, 0
        for i in range(x.size):
            while at[i] - at[oldest] >= windows[w]:
                if isfinite(x[oldest]):
                    n = _remove(ordered, n, x[oldest])
                oldest += 1
            if isfinite(x[i]):
                n = _insert(ordered, n, x[i])
            if i >= first:
                upper[w, i - first] = _quantile(ordered, n, 0.8)
                lower[w, i - first] = _quantile(ordered, n, 0.2)
                rank[w, i - first] = _rank(ordered, n, x[i])
    return upper, lower, rank


@compiled
def correlation(x: Array, y: Array, at: At, first: int, windows: Windows) -> Array:
    """Correlation over the sessions where both are known, NaN where either hardly moves."""
    values = np.empty((len(windows), x.size - first))
    for i in range(first, x.size):
        j, n, x0, y0 = i, 0, np.nan, np.nan
        sx = sxx = sy = syy = sxy = 0.0
        for w in range(len(windows)):
            while j >= 0 and at[i] - at[j] < windows[w]:
                if isfinite(x[j]) and isfinite(y[j]):
                    x0, y0 = (x[j], y[j]) if n == 0 else (x0, y0)
                    u, v = x[j] - x0, y[j] - y0
                    n, sx, sy = n + 1, sx + u, sy + v
                    sxx, syy, sxy = sxx + u * u, syy + v * v, sxy + u * v
                j -= 1
            spread = sqrt(max(n * sxx - sx * sx, 0.0) * max(n * syy - sy * sy, 0.0))
            flat = _deviation(sx, sxx, n) <= FLAT or _deviation(sy, syy, n) <= FLAT
            values[w, i - first] = np.nan if flat or n < 2 else (n * sxy - sx * sy) / spread
    return values


@compiled
def moves(change: Array, at: At, first: int, windows: Windows) -> Array:
    """Sums of gains and of losses, and shares of the window's sessions that rose and that fell."""
    sums = np.empty((4, len(windows), at.size - first))
    for i in range(first, at.size):
        j, start, n, up, down, gain, loss = i, at[i], 0, 0, 0, 0.0, 0.0
        for w in range(len(windows)):
            while j >= 0 and at[i] - at[j] < windows[w]:
                start = at[j]
                if isfinite(change[j]):
                    n, up, down = n + 1, up + (change[j] > 0), down + (change[j] < 0)
                    gain, loss = gain + max(change[j], 0.0), loss + max(-change[j], 0.0)
                j -= 1
            sums[0, w, i - first] = gain if n else np.nan
            sums[1, w, i - first] = loss if n else np.nan
            sums[2, w, i - first] = up / (at[i] - start + 1)
            sums[3, w, i - first] = down / (at[i] - start + 1)
    return sums
