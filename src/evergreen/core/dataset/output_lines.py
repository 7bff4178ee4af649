"""What a function of bars answers, lined up by ticker and session, however it was laid out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evergreen.errors import BadInput

KEYS = ["ticker", "session"]
HINT = "Answer with one line for each bar, or with ticker and session as columns or as the index."


@dataclass(frozen=True)
class Roles:
    """The caller's own names of the columns that matter.

    Attributes:
        session: of the dates.
        ticker: empty where the bars are of one ticker alone.
        prices: of everything that a split rescales as it does the price.
        volume: empty where there is none.
        factor: what turns raw prices into adjusted ones; empty where prices are adjusted already, or never.
    """

    session: str
    ticker: str = ""
    prices: tuple[str, ...] = ()
    volume: str = ""
    factor: str = ""

    def tickers(self, bars: pd.DataFrame) -> pd.Series:
        """The ticker of each bar."""
        return bars[self.ticker].astype(str) if self.ticker else pd.Series("bars", index=bars.index)

    def halved(self, bars: pd.DataFrame) -> pd.DataFrame:
        """The bars as they read once each share has become two."""
        if self.factor:
            return bars.assign(**{self.factor: bars[self.factor] * 0.5})
        prices: dict[str, Any] = {name: bars[name] * 0.5 for name in self.prices}
        return bars.assign(**prices, **({self.volume: bars[self.volume] * 2.0} if self.volume else {}))


@dataclass(frozen=True)
class MovedLine:
    """The line of a column that moved most: values before and after, None where it is missing; how many moved."""

    key: tuple[str, pd.Timestamp]
    before: float | None
    after: float | None
    lines: int


def lines_of(answer: object, bars: pd.DataFrame, roles: Roles) -> pd.DataFrame:
    """The numbers of an answer on an index of ticker and session.

    Read are: one value or row for each bar in their order; a frame with the columns of ticker and session, or with
    these as its index; a frame with sessions down and tickers across, or of one ticker with sessions down.

    Raises:
        BadInput: none of these, no numbers, or two lines for one ticker and session.
    """
    lines = _by_key(_framed(answer), bars, roles).select_dtypes(["number", "bool"]).astype(np.float64)
    if lines.empty:
        raise BadInput("the function answers with no numbers.", HINT)
    if not lines.index.is_unique:
        ticker, session = lines.index[lines.index.duplicated()][0]
        raise BadInput(f"the function answers twice for {ticker} at {session:%Y-%m-%d}.", HINT)
    return lines.sort_index()


def _framed(answer: object) -> pd.DataFrame:
    if isinstance(answer, pd.DataFrame):
        return answer
    if isinstance(answer, pd.Series):
        return answer.to_frame("value" if answer.name is None else str(answer.name))
    if isinstance(answer, list | np.ndarray) and np.ndim(np.asarray(answer)) in (1, 2):
        values = pd.DataFrame(np.asarray(answer))
        return values.set_axis(["value"] if values.shape[1] == 1 else [f"column {n}" for n in values], axis=1)
    raise BadInput(f"the function answers with {type(answer).__name__}, not with a table of numbers.", HINT)


def _by_key(frame: pd.DataFrame, bars: pd.DataFrame, roles: Roles) -> pd.DataFrame:
    if isinstance(frame.index, pd.MultiIndex) and frame.index.nlevels == 2:
        levels = [frame.index.get_level_values(level) for level in (0, 1)]
        days, names = sorted(levels, key=lambda level: not isinstance(level, pd.DatetimeIndex))
        return _keyed(frame, names, days)
    session = next((name for name in (roles.session, "session") if name in frame), None)
    ticker = next((name for name in (roles.ticker, "ticker") if name in frame), None)
    if session is not None and (ticker is not None or not roles.ticker):
        whose = frame[ticker] if ticker is not None else np.repeat("bars", len(frame))
        return _keyed(frame.drop(columns=[session, *([ticker] if ticker else [])]), whose, frame[session])
    if isinstance(frame.index, pd.DatetimeIndex):
        return _down_and_across(frame, bars, roles)
    if frame.index.isin(bars.index).all():
        return _keyed(frame, roles.tickers(bars)[frame.index], bars.loc[frame.index, roles.session])
    raise BadInput(f"the function answers with {len(frame)} lines for {len(bars)} bars, without saying whose.", HINT)


def _down_and_across(frame: pd.DataFrame, bars: pd.DataFrame, roles: Roles) -> pd.DataFrame:
    if not roles.ticker:
        return _keyed(frame, np.repeat("bars", len(frame)), frame.index)
    if not {str(name) for name in frame.columns} <= set(roles.tickers(bars)):
        raise BadInput("the function answers by session with columns that are no tickers.", HINT)
    whose, days = np.repeat(np.asarray(frame.columns), len(frame)), np.tile(np.asarray(frame.index), frame.shape[1])
    return _keyed(pd.DataFrame({"value": frame.to_numpy().ravel(order="F")}), whose, days)


def _keyed(frame: pd.DataFrame, tickers: Any, sessions: Any) -> pd.DataFrame:
    names = pd.Index(np.asarray(tickers, dtype=object)).astype(str)
    index = pd.MultiIndex.from_arrays([names, pd.DatetimeIndex(sessions)], names=KEYS)
    return frame.set_axis(index, axis=0)


def moved_lines(before: pd.DataFrame, after: pd.DataFrame, tolerance: float) -> Iterator[MovedLine]:
    """For each column that moved, its line that moved most; a line missing on one side has moved if it held a value.

    Args:
        before: as `lines_of` gives it.
        after: likewise.
        tolerance: share of a value, and of the column's usual size, that counts as none.
    """
    index = before.index.union(after.index)
    old, new = before.reindex(index), after.reindex(index, columns=before.columns)
    for column in before.columns:
        left, right = old[column].to_numpy(), new[column].to_numpy()
        usual = float(np.nanmedian(np.abs(left))) if np.isfinite(left).any() else 1.0
        same = np.isclose(left, right, rtol=tolerance, atol=tolerance * usual, equal_nan=True)
        if not same.all():
            away = np.where(same, -1.0, np.nan_to_num(np.abs(left - right), nan=np.inf, posinf=np.inf))
            most = len(away) - 1 - int(np.argmax(away[::-1]))  # of equals the last: nearest to what was done
            yield MovedLine(index[most], _number(left[most]), _number(right[most]), int((~same).sum()))


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
