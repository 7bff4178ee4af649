"""Rules that a bar breaks by itself, and by the day it is stamped with."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evergreen.core.bars.schema import NUMBERS, PRICES
from evergreen.core.quality.delivery_panel import ROUNDING, DeliveryPanel
from evergreen.core.quality.moved_dates import moved_by_years, not_daily
from evergreen.core.quality.tape import Floats, Ints, Mask

SPECIAL_SHARE = 0.5  # of the delivery's tickers: with so many of them trading, the exchange was open
SHIFTED_SHARE = 0.5  # of the bars on days without trading


def ticker_missing(panel: DeliveryPanel) -> Mask:
    """No name, or a blank one."""
    return nameless(panel.bars["ticker"])


def nameless(tickers: pd.Series) -> Mask:
    """Which of `tickers` are no names."""
    blank = {name for name in tickers.unique() if not isinstance(name, str) or not name.strip()}
    return np.asarray(tickers.isin(blank))


def session_missing(panel: DeliveryPanel) -> Mask:
    """No date, or none that could be read."""
    return np.asarray(panel.bars["session"].isna())


def future_session(panel: DeliveryPanel) -> Mask:
    """After the last session that can have bars."""
    return (panel.bars["session"] > panel.as_of).to_numpy()


def not_finite(panel: DeliveryPanel) -> Mask:
    """NaN or infinite, in any column."""
    return np.column_stack([~np.isfinite(panel.numbers[name]) for name in NUMBERS])


def not_positive(panel: DeliveryPanel) -> Mask:
    """A price or a factor of zero or less."""
    return np.column_stack([panel.numbers[name] <= 0 for name in (*PRICES, "factor")])


def negative_volume(panel: DeliveryPanel) -> Mask:
    """Fewer than no shares."""
    return np.asarray(panel.numbers["volume"] < 0)


def zero_volume(panel: DeliveryPanel) -> Mask:
    """Nothing traded."""
    return np.asarray(panel.numbers["volume"] == 0)


def high_not_highest(panel: DeliveryPanel) -> Mask:
    """High below another price of its bar, beyond rounding; what is not a number is not compared."""
    high = panel.numbers["high"]
    return np.asarray(high < _extreme(panel, "high", np.fmax) - ROUNDING * np.abs(high))


def low_not_lowest(panel: DeliveryPanel) -> Mask:
    """Low above another price of its bar, beyond rounding."""
    low = panel.numbers["low"]
    return np.asarray(low > _extreme(panel, "low", np.fmin) + ROUNDING * np.abs(low))


def _extreme(panel: DeliveryPanel, left_out: str, pick: np.ufunc) -> Floats:
    extreme: Floats = pick.reduce([panel.numbers[name] for name in PRICES if name != left_out])
    return extreme


def conflicting_bars(panel: DeliveryPanel) -> Mask:
    """Bars of one ticker and session whose numbers differ."""
    if not panel.copied.any():
        return panel.copied
    key = np.cumsum(~panel.copied)
    shared = np.isin(key, key[panel.copied])
    alike = panel.bars[shared].duplicated(["ticker", "session", *NUMBERS]).to_numpy()
    return np.isin(key, key[shared][panel.copied[shared] & ~alike])


def row_masks(panel: DeliveryPanel) -> dict[str, Mask]:
    """Every rule that a bar breaks by itself, by its copies or by its day."""
    conflicting = conflicting_bars(panel)
    rules = (ticker_missing, session_missing, future_session, not_finite, not_positive, negative_volume, zero_volume)
    masks = {rule.__name__: rule(panel) for rule in (*rules, high_not_highest, low_not_lowest)}
    return (
        masks
        | off_calendar(panel)
        | {
            "not_daily": not_daily(panel),
            "conflicting_bars": conflicting,
            "repeated_bar": panel.copied & ~conflicting,
        }
    )


def off_calendar(panel: DeliveryPanel) -> dict[str, Mask]:
    """Bars on days without trading, told apart.

    `shifted_dates`: at least half of them stand where a session beside them lacks its bar, or whole months fit another
    year: dates moved.
    `special_session`: at least half of the delivery's tickers really traded that day, which the calendar does not
    know. `not_a_session`: any other.
    """
    days = panel.bars["session"]
    off = (panel.at < 0) & days.notna().to_numpy() & (days <= panel.as_of).to_numpy() & ~ticker_missing(panel)
    none = np.zeros(len(off), dtype=bool)
    if not off.any():
        return {"shifted_dates": none, "special_session": none, "not_a_session": off}
    shifted = _shifted(panel, off) | moved_by_years(panel, off)
    special = _special(panel, off & ~shifted)
    return {"shifted_dates": shifted, "special_session": special, "not_a_session": off & ~shifted & ~special}


def _shifted(panel: DeliveryPanel, off: Mask) -> Mask:
    rows = np.flatnonzero(off)
    lacking = _lacks_neighbour(panel, rows)
    moved = np.zeros(len(off), dtype=bool)
    moved[rows] = lacking & (lacking.mean() >= SHIFTED_SHARE)
    return moved


def _special(panel: DeliveryPanel, off: Mask) -> Mask:
    prices = panel.bars[["ticker", *PRICES]]
    copies = (prices == prices.shift()).all(axis=1).to_numpy()
    traded = off & (panel.numbers["volume"] > 0) & ~panel.malformed & ~copies
    crowd = panel.bars[traded & ~panel.copied]["session"].value_counts()
    full = crowd.index[crowd.to_numpy() >= SPECIAL_SHARE * panel.bars["ticker"].nunique()]
    return np.asarray(traded & panel.bars["session"].isin(full).to_numpy())


def _lacks_neighbour(panel: DeliveryPanel, rows: Ints) -> Mask:
    """Whether the ticker has no bar on the session before, or on the one after, within its own span."""
    bars = panel.bars
    own = bars[bars["ticker"].isin(bars["ticker"].iloc[rows])]
    known = pd.MultiIndex.from_frame(own[["ticker", "session"]])
    span = own.groupby("ticker")["session"].agg(["min", "max"])
    tickers, days = bars["ticker"].iloc[rows], pd.DatetimeIndex(bars["session"].iloc[rows])
    first, last = (pd.DatetimeIndex(span[end].reindex(tickers)) for end in ("min", "max"))
    after = panel.days.searchsorted(days)
    lacking = np.zeros(len(rows), dtype=bool)
    for place in (after - 1, after):
        beside = panel.days.take(np.clip(place, 0, len(panel.days) - 1))
        inside = (place >= 0) & (place < len(panel.days)) & (beside >= first) & (beside <= last)
        lacking |= inside & ~pd.MultiIndex.from_arrays([tickers, beside]).isin(known)
    return lacking
