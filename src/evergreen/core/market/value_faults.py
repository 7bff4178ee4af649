"""Faults that put wrong values into bars."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from evergreen.core.bars.schema import NUMBERS, PRICES
from evergreen.core.market.places import Fault, Ints, Places, events
from evergreen.core.market.simulated_actions import RATIOS

Edit = Callable[[pd.DataFrame, pd.DataFrame, Places], pd.DataFrame]
"""Of bars and the bars before them (numbers only): what the vendor delivers instead."""

_VALUES = list(NUMBERS)
_PRICES = list(PRICES)


def _runs(edit: Edit, shortest: int = 1, longest: int = 1) -> Fault:
    """The edit on runs of bars, one a ticker."""

    def fault(bars: pd.DataFrame, at: Places) -> tuple[pd.DataFrame, pd.DataFrame]:
        lengths = at.rng.integers(shortest, longest + 1, len(at.rows))
        runs = [np.arange(row, row + length) for row, length in zip(at.rows, lengths, strict=True)]
        return _edited(bars, np.concatenate(runs), edit, at), events(bars, runs)

    return fault


def _on_days(edit: Edit, least: float, most: float) -> Fault:
    """The edit on a share of all tickers, on each of the sessions."""

    def fault(bars: pd.DataFrame, at: Places) -> tuple[pd.DataFrame, pd.DataFrame]:
        by_session = bars.groupby("session").indices
        hit = [
            at.rng.permutation(by_session[day])[: int(at.rng.uniform(least, most) * len(by_session[day]))]
            for day in at.days
        ]
        return _edited(bars, np.concatenate(hit), edit, at), events(bars, hit)

    return fault


def _edited(bars: pd.DataFrame, rows: Ints, edit: Edit, at: Places) -> pd.DataFrame:
    spoiled = bars.copy()
    own = bars.loc[rows, _VALUES]
    spoiled.loc[rows, _VALUES] = edit(own, bars.loc[rows - 1, _VALUES].set_axis(own.index), at).to_numpy()
    return spoiled


def _one_value(pick: Callable[[Places, float], float], columns: tuple[str, ...]) -> Edit:
    """Another value in one column of each bar."""

    def edit(own: pd.DataFrame, before: pd.DataFrame, at: Places) -> pd.DataFrame:
        values = own.to_numpy(copy=True)
        for row, column in enumerate(at.rng.choice(columns, len(own))):
            place = _VALUES.index(column)
            values[row, place] = pick(at, values[row, place])
        return pd.DataFrame(values, own.index, own.columns)

    return edit


def _swapped(own: pd.DataFrame, before: pd.DataFrame, at: Places) -> pd.DataFrame:
    return own.assign(high=own["low"] * (1 - 1e-4), low=own["high"])


def _lost_digit(own: pd.DataFrame, before: pd.DataFrame, at: Places) -> pd.DataFrame:
    scale = at.rng.choice([0.1, 10.0, 100.0], len(own))
    return own.assign(**{name: own[name] * scale for name in _PRICES})


def _decimal_comma(own: pd.DataFrame, before: pd.DataFrame, at: Places) -> pd.DataFrame:
    """The mark was taken for one of thousands: 48,57 is 4857."""
    return own.assign(**{name: own[name] * 100 for name in _PRICES})


def _repeated(own: pd.DataFrame, before: pd.DataFrame, at: Places) -> pd.DataFrame:
    return before


def _flat(volume: float) -> Edit:
    def edit(own: pd.DataFrame, before: pd.DataFrame, at: Places) -> pd.DataFrame:
        run = np.cumsum(np.diff(own.index, prepend=-2) != 1)
        price = before["close"].groupby(run).transform("first")
        return own.assign(**dict.fromkeys(_PRICES, price), volume=own["volume"] * volume)

    return edit


def _spikes(bars: pd.DataFrame, at: Places) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One to three bars far from those around them."""
    runs = [np.arange(row, row + at.rng.integers(1, 4)) for row in at.rows]
    sizes = [at.size(span, bars["close"].to_numpy()) for span in at.spans]
    return _scaled(bars, runs, np.exp(sizes)), events(bars, runs)


def _wrong_company(bars: pd.DataFrame, at: Places) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One to three bars of another ticker, of another price."""
    spoiled, runs = bars.copy(), []
    sessions, closes = bars["session"].to_numpy(), bars["close"].to_numpy()
    others = list(bars.groupby("ticker", sort=False).indices.values())
    for row, span in zip(at.rows, at.spans, strict=True):
        run = np.arange(row, row + at.rng.integers(1, 4))
        for place in at.rng.permutation(len(others)):
            donor = others[place][np.isin(sessions[others[place]], sessions[run])]
            apart = len(donor) == len(run) and abs(np.log(closes[donor[0]] / closes[row]))
            if apart and apart > abs(at.size(span, closes)):
                spoiled.loc[run, _VALUES] = bars.loc[donor, _VALUES].to_numpy()
                runs.append(run)
                break
    return spoiled, events(bars, runs)


def _unadjusted(bars: pd.DataFrame, at: Places) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A split that neither prices before it nor the factor tell; volume tells it as it really would."""
    ratios = at.rng.choice(RATIOS, len(at.rows))
    before = [span[span < row] for row, span in zip(at.rows, at.spans, strict=True)]
    return _scaled(bars, before, ratios, 1 / ratios), events(bars, list(at.rows[:, None]))


def _other_unit(bars: pd.DataFrame, at: Places) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pounds in the place of pence from some day on, or the other way."""
    rest = [span[span >= row] for row, span in zip(at.rows, at.spans, strict=True)]
    return _scaled(bars, rest, at.rng.choice([0.01, 100.0], len(rest))), events(bars, list(at.rows[:, None]))


def _provisional(bars: pd.DataFrame, at: Places) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The newest session as it stands soon after its open: a tenth of the shares, a fifth of the way to its close."""
    rows = np.flatnonzero(bars["session"] == bars["session"].max())
    own = bars.loc[rows]
    close = own["open"] + (own["close"] - own["open"]) / 5
    ends = {"high": np.maximum(own["open"], close), "low": np.minimum(own["open"], close)}
    spoiled = bars.copy()
    spoiled.loc[rows, _VALUES] = own.assign(close=close, **ends, volume=np.round(own["volume"] / 10))[_VALUES]
    return spoiled, events(bars, [rows])


def _half_adjusted(bars: pd.DataFrame, at: Places) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A split taken out of the older history only: 20 to 50 bars before it still have the old scale."""
    ratios = at.rng.choice(RATIOS, len(at.rows))
    runs = [np.arange(row - at.rng.integers(20, 50), row) for row in at.rows]
    ends = [np.array([run[0], run[-1] + 1]) for run in runs]
    return _scaled(bars, runs, ratios, 1 / ratios), events(bars, ends)


def _scaled(bars: pd.DataFrame, runs: list[Ints], prices: object, shares: object = 1.0) -> pd.DataFrame:
    """Prices and volume of each run times its own numbers."""
    spoiled = bars.copy()
    rows, lengths = np.concatenate(runs), [len(run) for run in runs]
    scale = np.repeat(np.broadcast_to(np.asarray(prices, float), len(runs)), lengths)
    spoiled.loc[rows, _PRICES] = bars.loc[rows, _PRICES].to_numpy() * scale[:, None]
    spoiled.loc[rows, "volume"] *= np.repeat(np.broadcast_to(np.asarray(shares, float), len(runs)), lengths)
    return spoiled


_blank = _one_value(lambda at, value: np.nan, NUMBERS)
_nothing = _one_value(lambda at, value: 0.0, ("volume",))

FAULTS: dict[str, Fault] = {
    "missing_value": _runs(_blank),
    "infinite_value": _runs(_one_value(lambda at, value: float(at.rng.choice([np.inf, -np.inf])), NUMBERS)),
    "not_positive": _runs(_one_value(lambda at, value: float(at.rng.choice([0.0, -value])), PRICES)),
    "negative_volume": _runs(_one_value(lambda at, value: -value, ("volume",))),
    "zero_volume": _runs(_nothing),
    "high_below_low": _runs(_swapped),
    "halved_close": _runs(_one_value(lambda at, value: value / 2, ("close",))),
    "lost_digit": _runs(_lost_digit),
    "decimal_comma": _runs(_decimal_comma, 1, 3),
    "wrong_wick": _runs(_one_value(lambda at, value: value * 10, ("high",))),
    "spike": _spikes,
    "wrong_company": _wrong_company,
    "repeated_previous": _runs(_repeated),
    "flat_line": _runs(_flat(1.0), 6, 15),
    "halted": _runs(_flat(0.0), 6, 15),
    "unadjusted_split": _unadjusted,
    "half_adjusted_split": _half_adjusted,
    "other_unit": _other_unit,
    "provisional_session": _provisional,
    "day_fields_missing": _on_days(_blank, 0.25, 0.9),
    "day_volume_zero": _on_days(_nothing, 0.25, 0.9),
    "day_repeats_previous": _on_days(_repeated, 0.25, 0.9),
}
