"""The rules a bar must keep, declared as one table.

A rule looks at a whole panel at once and marks the bars that break it; what happens then is not decided here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.bars import NUMBERS, PRICES, canonical_order

Severity = Literal["block", "quarantine", "warn"]
Mask = NDArray[np.bool_]

ROUNDING = 1e-9  # relative: what float arithmetic on adjusted prices may do to the order of a bar
SPLITS = np.array([1.5, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 50, 100])
SPLIT_AT_OPEN = 0.04  # log distance: a split shows in the open, before the session's own news
SPLIT_AT_CLOSE = 0.15
CRASH_TURNOVER = 4.0  # times the usual money traded: news brings crowds, a split does not
USUAL_BARS = 20
FEWEST_BARS = 5


@dataclass(frozen=True)
class Panel:
    """A conformed delivery beside what it is judged against."""

    bars: pd.DataFrame
    sessions: pd.DatetimeIndex
    as_of: pd.Timestamp
    past: pd.DataFrame  # bars known before this delivery, conformed


@dataclass(frozen=True)
class Rule:
    """`broken` marks, per bar and per column of `columns`, what breaks the `promise`; `fault` says how.

    `block` refuses the whole delivery, `quarantine` the ticker's rows of it, `warn` nothing.
    """

    name: str
    severity: Severity
    columns: tuple[str, ...]
    promise: str
    fault: str
    broken: Callable[[Panel], Mask]


def _ticker_missing(panel: Panel) -> Mask:
    tickers = panel.bars["ticker"]
    blank = {name for name in tickers.unique() if not isinstance(name, str) or not name.strip()}
    return np.asarray(tickers.isin(blank))


def _session_missing(panel: Panel) -> Mask:
    return np.asarray(panel.bars["session"].isna())


def _future_session(panel: Panel) -> Mask:
    return (panel.bars["session"] > panel.as_of).to_numpy()


def _not_a_session(panel: Panel) -> Mask:
    days = panel.bars["session"]
    return (~days.isin(panel.sessions) & days.notna() & (days <= panel.as_of)).to_numpy()


def _not_finite(panel: Panel) -> Mask:
    finite: Mask = np.isfinite(panel.bars[list(NUMBERS)].to_numpy())
    return ~finite


def _not_positive(panel: Panel) -> Mask:
    return np.asarray(panel.bars[[*PRICES, "factor"]] <= 0)


def _negative_volume(panel: Panel) -> Mask:
    return (panel.bars["volume"] < 0).to_numpy()


def _zero_volume(panel: Panel) -> Mask:
    return (panel.bars["volume"] == 0).to_numpy()


def _high_not_highest(panel: Panel) -> Mask:
    top = panel.bars[["open", "low", "close"]].max(axis=1)
    high = panel.bars["high"]
    return (high < top - ROUNDING * high.abs()).to_numpy()


def _low_not_lowest(panel: Panel) -> Mask:
    bottom = panel.bars[["open", "high", "close"]].min(axis=1)
    low = panel.bars["low"]
    return (low > bottom + ROUNDING * low.abs()).to_numpy()


def _conflicting_bars(panel: Panel) -> Mask:
    key, copied = _copied(panel.bars)
    shared = np.isin(key, key[copied])
    alike = panel.bars[shared].duplicated(["ticker", "session", *NUMBERS]).to_numpy()
    return np.isin(key, key[shared][copied[shared] & ~alike])


def _repeated_bar(panel: Panel) -> Mask:
    return _copied(panel.bars)[1] & ~_conflicting_bars(panel)


def _copied(bars: pd.DataFrame) -> tuple[NDArray[np.intp], Mask]:
    """A number for each (ticker, session), and which bars have the same one as the bar above."""
    same = _as_above(bars["ticker"]) & _as_above(bars["session"])
    return np.cumsum(~same), same


def _as_above(values: pd.Series) -> Mask:
    column = values.to_numpy()
    same = np.zeros(len(column), dtype=bool)
    same[1:] = column[1:] == column[:-1]
    return same


def _unadjusted_split(panel: Panel) -> Mask:
    """Price moves like a split that `factor` does not carry, or `factor` moves and the price does not.

    The adjusted open over the last adjusted close lies within 4 % (in logs) of a usual split ratio, the close
    within 15 % of the same one, and no more than four times the usual money changed hands: a real crash of
    that size draws a crowd (AAPL 2000-09-29: ten times), a split does not.
    """
    line = _line(panel)
    before = (line["close"] * line["factor"]).shift().where(_as_above(line["ticker"]))
    opening = (line["open"] * line["factor"] / before).to_numpy()
    closing = (line["close"] * line["factor"] / before).to_numpy()
    suspects = np.flatnonzero(line["delivered"].to_numpy() & _splits(opening, closing))
    quiet = suspects[_turnover(line, suspects) < CRASH_TURNOVER]
    mask = np.zeros(len(panel.bars), dtype=bool)
    mask[line["row"].to_numpy()[quiet]] = True
    return mask


def _line(panel: Panel) -> pd.DataFrame:
    """Past and delivered bars of the delivered tickers in one line; what was delivered again counts once."""
    delivered = panel.bars.assign(delivered=True, row=np.arange(len(panel.bars)))
    if panel.past.empty:
        return delivered
    past = panel.past[panel.past["ticker"].isin(panel.bars["ticker"].unique())]
    past = past[past["session"] <= panel.bars["session"].max()].assign(delivered=False, row=-1)
    both = pd.concat([past, delivered], ignore_index=True)
    both = both[both["delivered"] | ~both.duplicated(["ticker", "session"], keep="last")]
    return both.take(canonical_order(both)).reset_index(drop=True)


def _splits(opening: NDArray[np.float64], closing: NDArray[np.float64]) -> Mask:
    steps = np.concatenate([np.log(SPLITS), -np.log(SPLITS)])
    found = np.zeros(len(opening), dtype=bool)
    moved = np.flatnonzero(np.abs(np.log(opening)) > np.log(SPLITS[0]) - SPLIT_AT_OPEN)
    at_open = np.abs(np.log(opening[moved])[:, None] - steps) < SPLIT_AT_OPEN
    at_close = np.abs(np.log(closing[moved])[:, None] - steps) < SPLIT_AT_CLOSE
    found[moved] = (at_open & at_close).any(axis=1)
    return found


def _turnover(line: pd.DataFrame, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """Money traded at `rows` over its median of up to 20 bars before; 1 when fewer than 5 are known."""
    money = (line["close"] * line["volume"]).to_numpy()
    tickers = pd.factorize(line["ticker"])[0]
    window = rows[:, None] - np.arange(1, USUAL_BARS + 1)
    own = (window >= 0) & (tickers[np.maximum(window, 0)] == tickers[rows][:, None])
    earlier = np.where(own, money[np.maximum(window, 0)], np.nan)
    known = np.isfinite(earlier).sum(axis=1) >= FEWEST_BARS
    ratio = np.ones(len(rows))
    ratio[known] = money[rows[known]] / np.nanmedian(earlier[known], axis=1)
    return ratio


_PRICED = (*PRICES, "factor")

RULES = (
    Rule("ticker_missing", "block", ("ticker",), "every bar has a ticker", "has no ticker", _ticker_missing),
    Rule("session_missing", "block", ("session",), "every bar has a date", "has no date", _session_missing),
    Rule(
        "future_session",
        "block",
        ("session",),
        "no bar is younger than the last closed session",
        "lies after the last closed session",
        _future_session,
    ),
    Rule(
        "not_a_session",
        "block",
        ("session",),
        "the exchange traded on every bar's date",
        "the exchange did not trade that day",
        _not_a_session,
    ),
    Rule("not_finite", "quarantine", NUMBERS, "every value is a number", "is not a number", _not_finite),
    Rule("not_positive", "quarantine", _PRICED, "prices are above zero", "is not above zero", _not_positive),
    Rule(
        "negative_volume",
        "quarantine",
        ("volume",),
        "volume is not below zero",
        "is below zero",
        _negative_volume,
    ),
    Rule(
        "high_not_highest",
        "quarantine",
        ("high",),
        "high is the highest price of its bar",
        "is below another price of its bar",
        _high_not_highest,
    ),
    Rule(
        "low_not_lowest",
        "quarantine",
        ("low",),
        "low is the lowest price of its bar",
        "is above another price of its bar",
        _low_not_lowest,
    ),
    Rule(
        "conflicting_bars",
        "quarantine",
        ("close",),
        "bars of one ticker and session agree",
        "is of one of several bars that disagree",
        _conflicting_bars,
    ),
    Rule(
        "unadjusted_split",
        "quarantine",
        ("close",),
        "price and factor tell every split alike",
        "moves like a split, which the factor does not tell",
        _unadjusted_split,
    ),
    Rule("repeated_bar", "warn", ("close",), "no bar comes twice", "comes twice, alike", _repeated_bar),
    Rule("zero_volume", "warn", ("volume",), "something was traded", "says nothing was traded", _zero_volume),
)
"""Every rule there is, gravest first."""
