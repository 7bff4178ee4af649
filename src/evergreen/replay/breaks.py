"""What is broken on purpose: a market from a session on, or the first challenger trained from then on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.bars.session import iso
from evergreen.errors import BadSetting

Matrix = NDArray[np.float32]
Fault = Callable[[Matrix, Matrix, np.random.Generator], Matrix]

SCALE = 10.0  # of features that are served in the wrong unit
LATE_SHARE, MISSING_SHARE = 0.1, 0.2  # of the tickers, of the features
LEAKED = 0.05  # of the label in a leaking record: explains a tenth, half of what the gate calls too good to be true
VENDOR_SHARE, VENDOR_SESSIONS = 0.3, 20  # of the tickers that vanish, and for how long: the window of the signs
SPREAD = 2.0  # times the usual moves: as of 2007 to 2008


def _shuffled(served: Matrix, before: Matrix, rng: np.random.Generator) -> Matrix:
    order = rng.permutation(len(served))
    shuffled = np.empty_like(served)
    shuffled[order] = served[np.roll(order, 1)]  # no ticker keeps its own
    return shuffled


def _flipped(served: Matrix, before: Matrix, rng: np.random.Generator) -> Matrix:
    return -served


def _other_columns(served: Matrix, before: Matrix, rng: np.random.Generator) -> Matrix:
    return np.roll(served, 1, axis=1)


def _other_tickers(served: Matrix, before: Matrix, rng: np.random.Generator) -> Matrix:
    return np.roll(served, 1, axis=0)


def _late(served: Matrix, before: Matrix, rng: np.random.Generator) -> Matrix:
    return before


def _zeroed(served: Matrix, before: Matrix, rng: np.random.Generator) -> Matrix:
    return np.zeros_like(served)


def _scaled(served: Matrix, before: Matrix, rng: np.random.Generator) -> Matrix:
    return np.asarray(served * np.float32(SCALE))


def _tripled(served: Matrix, before: Matrix, rng: np.random.Generator) -> Matrix:
    return np.asarray(served * np.float32(3.0))


def _partly_late(served: Matrix, before: Matrix, rng: np.random.Generator) -> Matrix:
    late = rng.permutation(len(served)) < max(1, round(LATE_SHARE * len(served)))
    return np.where(late[:, None], before, served)


def _missing(served: Matrix, before: Matrix, rng: np.random.Generator) -> Matrix:
    return np.where(rng.random(served.shape[1]) < MISSING_SHARE, np.float32(np.nan), served)


# What the challenger is served in place of a session's features, given those of the session before.
SERVING: dict[str, Fault] = {
    "shuffled": _shuffled,
    "flipped": _flipped,
    "columns": _other_columns,
    "tickers": _other_tickers,
    "late": _late,
    "zeroed": _zeroed,
    "scaled": _scaled,
    "tripled": _tripled,
    "partly_late": _partly_late,
    "missing": _missing,
    "leak": _shuffled,
}
REHEARSED = tuple(kind for kind in SERVING if kind != "leak")  # what can befall a challenger of any record
LABELS = ("sign_flip",)
BARS = ("vendor_fault", "spread", "regime")
KINDS = (*SERVING, *LABELS, *BARS)


@dataclass(frozen=True)
class Break:
    """One thing that goes wrong from `session` on; `year` is where a regime is taken from."""

    kind: str
    session: pd.Timestamp
    year: int = 0

    @property
    def name(self) -> str:
        """As it is broken for."""
        return f"{self.kind}{f':{self.year}' if self.year else ''}@{iso(self.session)}"


def parse_break(text: str) -> Break:
    """`KIND@SESSION`; of a regime `regime:YEAR@SESSION`. A session is a date: 2008-09-15.

    Raises:
        BadSetting: anything else.
    """
    kind, _, session = text.partition("@")
    name, _, year = kind.partition(":")
    try:
        broken = Break(name, pd.Timestamp(datetime.strptime(session, "%Y-%m-%d")), int(year) if year else 0)
    except ValueError:
        broken = Break("", pd.Timestamp(0))
    if broken.kind not in KINDS or (broken.kind == "regime") != bool(broken.year):
        known = ", ".join(kind if kind != "regime" else "regime:YEAR" for kind in KINDS)
        raise BadSetting(f"the break {text!r} cannot be read.", f"Write KIND@YYYY-MM-DD; kinds are {known}.")
    return broken


def break_bars(bars: pd.DataFrame, broken: Break, seed: int) -> pd.DataFrame:
    """The bars as they come when a break is in the market itself; other breaks leave them."""
    if broken.kind == "vendor_fault":
        return _without_some(bars, broken, seed)
    if broken.kind == "spread":
        return _with_moves(bars, broken.session, lambda moves, since: _spread(moves, since))
    if broken.kind == "regime":
        return _with_moves(bars, broken.session, lambda moves, since: _replayed(moves, since, broken))
    return bars


def break_labels(label: NDArray[np.float64], session: pd.DatetimeIndex, broken: Break) -> NDArray[np.float64]:
    """Labels with the signal's sign turned: from the break on, what was forecast to rise falls."""
    return np.where(session >= broken.session, -label, label) if broken.kind in LABELS else label


def _without_some(bars: pd.DataFrame, broken: Break, seed: int) -> pd.DataFrame:
    """Some tickers vanish for a while."""
    tickers = np.sort(bars["ticker"].unique())
    count = max(1, round(VENDOR_SHARE * len(tickers)))
    gone = np.random.default_rng(seed).choice(tickers, count, replace=False)
    days = np.sort(bars.loc[bars["session"] >= broken.session, "session"].unique())[:VENDOR_SESSIONS]
    return bars[~(bars["ticker"].isin(gone) & bars["session"].isin(days))]


def _with_moves(
    bars: pd.DataFrame, start: pd.Timestamp, change: Callable[[pd.DataFrame, pd.Series], pd.DataFrame]
) -> pd.DataFrame:
    """Bars with other moves from `start` on: of each price from the close before, in log return."""
    ordered = bars.sort_values(["ticker", "session"], ignore_index=True)
    before = (ordered["close"] * ordered["factor"]).groupby(ordered["ticker"]).shift()
    prices = ["open", "high", "low", "close"]
    ratios = ordered[prices].mul(ordered["factor"], axis=0).div(before, axis=0)
    since = (ordered["session"] >= start) & before.notna()
    given = ratios.apply(np.log).assign(session=ordered["session"], ticker=ordered["ticker"])
    moves = change(given, since)[prices]
    old = (ordered["close"] * ordered["factor"]).where(~since)
    steps = moves["close"].where(since, 0.0).groupby(ordered["ticker"]).cumsum()
    base = old.groupby(ordered["ticker"]).ffill()
    close = base * np.exp(steps)
    last = close.groupby(ordered["ticker"]).shift()
    changed = moves.apply(np.exp).mul(last, axis=0).div(ordered["factor"], axis=0)
    return ordered.assign(**{name: ordered[name].where(~since, changed[name]) for name in prices})


def _spread(moves: pd.DataFrame, since: pd.Series) -> pd.DataFrame:
    prices = ["open", "high", "low", "close"]
    return moves.assign(**{name: moves[name].where(~since, SPREAD * moves[name]) for name in prices})


def _replayed(moves: pd.DataFrame, since: pd.Series, broken: Break) -> pd.DataFrame:
    """The moves of another year's sessions, in order, in place of those from the break on, as far as they reach.

    Raises:
        BadSetting: no bars of that year.
    """
    days = np.sort(moves["session"].unique())
    taken = days[pd.DatetimeIndex(days).year == broken.year]
    place = dict(zip(days[days >= broken.session.to_datetime64()], taken, strict=False))
    if not len(taken):
        raise BadSetting(f"there are no bars of {broken.year} to take a regime from.", "Name a year that is there.")
    source = moves.set_index(["ticker", "session"])
    places = pd.MultiIndex.from_arrays([moves["ticker"], moves["session"].map(place)])
    other = source.reindex(places).set_index(moves.index)
    return moves.where(
        ~(since & other["close"].notna()), other.assign(session=moves["session"], ticker=moves["ticker"])
    )
