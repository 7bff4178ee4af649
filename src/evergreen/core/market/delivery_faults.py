"""Faults of what is delivered at all: bars too many, too few, or under another name or date."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evergreen.core.bars.schema import PRICES
from evergreen.core.market.places import Fault, Ints, Places, events

Faulty = tuple[pd.DataFrame, pd.DataFrame]
_KEYS = ["ticker", "session"]
_MOVED = 8  # years, past most panels' start; weekdays move by three, as over the three years they were once moved by


def _added(bars: pd.DataFrame, extra: pd.DataFrame) -> Faulty:
    both = pd.concat([bars, extra], ignore_index=True)
    return both, extra[_KEYS].assign(event=np.arange(len(extra)))


def _less(bars: pd.DataFrame, rows: Ints) -> pd.DataFrame:
    return bars[~bars.index.isin(rows)]


def _duplicate(bars: pd.DataFrame, at: Places) -> Faulty:
    return _added(bars, bars.loc[at.rows])


def _conflict(bars: pd.DataFrame, at: Places) -> Faulty:
    again = bars.loc[at.rows]
    return _added(bars, again.assign(close=(again["high"] + again["low"]) / 2, volume=again["volume"] + 1))


def _weekend(bars: pd.DataFrame, at: Places) -> Faulty:
    """Where a place happens to be the last session of its week: its bar again on the day after."""
    days = bars["session"]
    rows = [row for row in at.rows if days.loc[row + 1] - days.loc[row] > pd.Timedelta(days=2)]
    filled = bars.loc[rows]
    return _added(bars, filled.assign(session=filled["session"] + pd.Timedelta(days=1)))


def _future(bars: pd.DataFrame, at: Places) -> Faulty:
    """Bars stamped weeks after the newest session."""
    ahead = bars["session"].max() + pd.to_timedelta(14 + np.arange(len(at.rows)), unit="D")
    return _added(bars, bars.loc[at.rows].assign(session=ahead.to_numpy()))


def _shifted_dates(bars: pd.DataFrame, at: Places) -> Faulty:
    """All dates of some tickers a day early."""
    rows = np.concatenate(at.spans)
    spoiled = bars.copy()
    spoiled.loc[rows, "session"] = spoiled.loc[rows, "session"] - pd.Timedelta(days=1)
    return spoiled, events(spoiled, at.spans)


def _moved_months(bars: pd.DataFrame, at: Places) -> Faulty:
    """A month of some tickers' dates eight years early."""
    runs = [np.arange(row, row + 21) for row in at.rows]
    rows = np.concatenate(runs)
    spoiled = bars.copy()
    spoiled.loc[rows, "session"] = spoiled.loc[rows, "session"] - pd.DateOffset(years=_MOVED)
    return spoiled, events(spoiled, runs)


def _spellings(bars: pd.DataFrame, at: Places) -> Faulty:
    """Some tickers with a class behind a point in one half of their bars, and behind a dash in the other."""
    spoiled = bars.copy()
    for row, span in zip(at.rows, at.spans, strict=True):
        name = bars["ticker"].loc[row]
        spoiled.loc[span, "ticker"] = np.where(span < row, f"{name}.B", f"{name}-B")
    return spoiled, events(spoiled, at.spans)


def _without(bars: pd.DataFrame, at: Places, shortest: int, longest: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The bars without runs of some, each told by the first bar after it."""
    ends = [row + at.rng.integers(shortest, longest + 1) for row in at.rows]
    gone = np.concatenate([np.arange(row, end) for row, end in zip(at.rows, ends, strict=True)])
    return _less(bars, gone), events(bars, [np.array([end]) for end in ends])


def _missing_sessions(bars: pd.DataFrame, at: Places) -> Faulty:
    return _without(bars, at, 1, 10)


def _recycled(bars: pd.DataFrame, at: Places) -> Faulty:
    """Another company under the name of one that left: no bars for a quarter, then another price and volume.

    Only tickers with enough bars after the place are used.
    """
    placed = [(row, span[-1]) for row, span in zip(at.rows, at.spans, strict=True) if span[-1] - row > 80]
    spoiled, resumed, gone = bars.copy(), [], []
    for row, last in placed:
        first = row + int(at.rng.integers(62, 75))
        rest = np.arange(first, last + 1)
        scale = float(np.exp(at.rng.choice([-1, 1]) * at.rng.uniform(0.6, 2.0)))
        spoiled.loc[rest, list(PRICES)] *= scale * bars["close"].loc[row - 1] / bars["close"].loc[first - 1]
        gone.append(np.arange(row, first))
        resumed.append(np.array([first]))
    return _less(spoiled, np.concatenate(gone)), events(bars, resumed)


def _same_series(bars: pd.DataFrame, at: Places) -> Faulty:
    """Some tickers a second time, under another name."""
    twins = [bars.loc[span].assign(ticker=f"{bars['ticker'].loc[span[0]]}-TWIN") for span in at.spans]
    both = pd.concat([bars, *twins], ignore_index=True)
    truth = [twin[_KEYS].assign(event=event) for event, twin in enumerate(twins)]
    originals = [bars.loc[span, _KEYS].assign(event=event) for event, span in enumerate(at.spans)]
    return both, pd.concat([*truth, *originals])


def _thinned(bars: pd.DataFrame, at: Places, least: float, most: float) -> Faulty:
    """A share of all tickers absent on some sessions; told by the bars that are left there."""
    by_session = bars.groupby("session").indices
    gone, left = [], []
    for day in at.days:
        rows = at.rng.permutation(by_session[day])
        count = int(at.rng.uniform(least, most) * len(rows))
        gone.append(rows[:count])
        left.append(rows[count:])
    return _less(bars, np.concatenate(gone)), events(bars, left)


def _day_mostly_absent(bars: pd.DataFrame, at: Places) -> Faulty:
    return _thinned(bars, at, 0.55, 0.95)


def _day_partly_absent(bars: pd.DataFrame, at: Places) -> Faulty:
    return _thinned(bars, at, 0.15, 0.45)


FAULTS: dict[str, Fault] = {
    "duplicate": _duplicate,
    "conflicting_duplicate": _conflict,
    "weekend_bar": _weekend,
    "future_bar": _future,
    "shifted_dates": _shifted_dates,
    "moved_months": _moved_months,
    "spellings": _spellings,
    "missing_sessions": _missing_sessions,
    "recycled_symbol": _recycled,
    "same_series": _same_series,
    "day_mostly_absent": _day_mostly_absent,
    "day_partly_absent": _day_partly_absent,
}
