"""From window statistics to factors: the arithmetic of each family, for one ticker."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evergreen.core.features.factors import WINDOWS
from evergreen.core.features.kernels import (
    Array,
    At,
    correlation,
    extremes,
    lagged,
    log_plus_one,
    moments,
    moves,
    order,
    trend,
)

EPS = 1e-12  # Qlib's own, in the denominators of its Alpha158: values are to be equal


@dataclass(frozen=True)
class TickerHistory:
    """Adjusted bars of one ticker in order, float64, infinities as NaN; factors are due from `first` on."""

    at: At
    first: int
    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array
    vwap: Array

    def from_first(self, values: Array) -> Array:
        """The part of `values` that factors are due for."""
        return values[self.first :]


def candle(bars: TickerHistory) -> list[Array]:
    """KMID .. KSFT2 and OPEN0 .. VWAP0: the shape of the bar itself."""
    o, h, l, c, v = (bars.from_first(x) for x in (bars.open, bars.high, bars.low, bars.close, bars.vwap))  # noqa: E741
    size = h - l + EPS
    body, upper, lower, shift = c - o, h - np.maximum(o, c), np.minimum(o, c) - l, 2 * c - h - l
    shape = [body / o, (h - l) / o, body / size, upper / o, upper / size, lower / o, lower / size]
    return [*shape, shift / o, shift / size, o / c, h / c, l / c, v / c]


def price(bars: TickerHistory) -> dict[str, Array]:
    """ROC MA STD BETA RSQR RESI QTLU QTLD RANK: the path of the close."""
    close = bars.from_first(bars.close)
    past = np.stack([bars.from_first(lagged(bars.close, bars.at, d)) for d in WINDOWS])
    mean, deviation = moments(bars.close, bars.at, bars.first, WINDOWS)
    slope, rsquare, residual = trend(bars.close, bars.at, bars.first, WINDOWS)
    upper, lower, rank = order(bars.close, bars.at, bars.first, WINDOWS)
    return {
        "ROC": past / close,
        "MA": mean / close,
        "STD": deviation / close,
        "BETA": slope / close,
        "RSQR": rsquare,
        "RESI": residual / close,
        "QTLU": upper / close,
        "QTLD": lower / close,
        "RANK": rank,
    }


def span(bars: TickerHistory) -> dict[str, Array]:
    """MAX MIN RSV IMAX IMIN IMXD: where the close stands in the range, and how old the extremes are."""
    close, sessions = bars.from_first(bars.close), np.array(WINDOWS)[:, None]
    top, bottom, top_place, bottom_place = extremes(bars.high, bars.low, bars.at, bars.first, WINDOWS)
    return {
        "MAX": top / close,
        "MIN": bottom / close,
        "RSV": (close - bottom) / (top - bottom + EPS),
        "IMAX": top_place / sessions,
        "IMIN": bottom_place / sessions,
        "IMXD": (top_place - bottom_place) / sessions,
    }


def agreement(bars: TickerHistory) -> dict[str, Array]:
    """CORR CORD: does volume go with price, in level and in change."""
    price_ratio = bars.close / lagged(bars.close, bars.at, 1)
    volume_ratio = bars.volume / lagged(bars.volume, bars.at, 1)
    return {
        "CORR": correlation(bars.close, log_plus_one(bars.volume), bars.at, bars.first, WINDOWS),
        "CORD": correlation(price_ratio, log_plus_one(volume_ratio), bars.at, bars.first, WINDOWS),
    }


def balance(bars: TickerHistory) -> dict[str, Array]:
    """CNT*, SUM*, VSUM*: rises against falls, of price and of volume."""
    change = bars.close - lagged(bars.close, bars.at, 1)
    gain, loss, rises, falls = moves(change, bars.at, bars.first, WINDOWS)
    more, less, _, _ = moves(bars.volume - lagged(bars.volume, bars.at, 1), bars.at, bars.first, WINDOWS)
    return {
        "CNTP": rises,
        "CNTN": falls,
        "CNTD": rises - falls,
        "SUMP": gain / (gain + loss + EPS),
        "SUMN": loss / (gain + loss + EPS),
        "SUMD": (gain - loss) / (gain + loss + EPS),
        "VSUMP": more / (more + less + EPS),
        "VSUMN": less / (more + less + EPS),
        "VSUMD": (more - less) / (more + less + EPS),
    }


def activity(bars: TickerHistory) -> dict[str, Array]:
    """VMA VSTD WVMA: volume against its own past, and how unevenly it moved the price."""
    volume = bars.from_first(bars.volume) + EPS
    mean, deviation = moments(bars.volume, bars.at, bars.first, WINDOWS)
    turnover = np.abs(bars.close / lagged(bars.close, bars.at, 1) - 1) * bars.volume
    weighted, spread = moments(turnover, bars.at, bars.first, WINDOWS)
    return {"VMA": mean / volume, "VSTD": deviation / volume, "WVMA": spread / (weighted + EPS)}
