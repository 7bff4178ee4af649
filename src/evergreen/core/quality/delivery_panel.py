"""A delivery beside what it is judged against; what several rules look at is worked out once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from evergreen.core.bars.schema import NUMBERS, canonical_order
from evergreen.core.quality.tape import Floats, Ints, Mask, Placed, Tape, smallest_steps

ROUNDING = 1e-9  # relative: what float arithmetic on adjusted prices may do to the order of a bar


@dataclass(frozen=True)
class DeliveryPanel:
    """A conformed delivery, the sessions of the exchange over it, and the bars known before (conformed).

    `as_of` is the last session that can have bars; `universe` the tickers that were asked for, None when unknown.
    """

    bars: pd.DataFrame
    sessions: pd.DatetimeIndex
    as_of: pd.Timestamp
    past: pd.DataFrame
    universe: frozenset[str] | None = None

    @cached_property
    def numbers(self) -> dict[str, Floats]:
        """The numeric columns of the delivery."""
        return {name: self.bars[name].to_numpy() for name in NUMBERS}

    @cached_property
    def days(self) -> pd.DatetimeIndex:
        """Every session there is something to compare on: the exchange's, and those of earlier bars."""
        if self.past.empty:
            return self.sessions
        return self.sessions.union(pd.DatetimeIndex(self.past["session"].unique()))

    @cached_property
    def at(self) -> Ints:
        """For each bar its session's number among `days`, -1 when it lies on none or after `as_of`."""
        at = self.days.get_indexer(pd.DatetimeIndex(self.bars["session"]))
        return np.where((self.bars["session"] <= self.as_of).to_numpy(), at, -1)

    @cached_property
    def copied(self) -> Mask:
        """Bars of the same ticker and session as the bar above."""
        return _as_above(self.bars["ticker"]) & _as_above(self.bars["session"])

    @cached_property
    def malformed(self) -> Mask:
        """Bars that are wrong in themselves: not finite, not positive, or out of order."""
        value = self.numbers
        low, high = value["low"], value["high"]
        top = np.maximum(np.maximum(value["open"], value["close"]), low)
        bottom = np.minimum(np.minimum(value["open"], value["close"]), high)
        ordered = (high >= top - ROUNDING * np.abs(high)) & (low <= bottom + ROUNDING * np.abs(low))
        sound = ordered & (bottom > 0) & (low > 0) & (value["factor"] > 0) & (value["volume"] >= 0)
        for each in value.values():
            sound &= np.isfinite(each)
        return np.asarray(~sound)

    @cached_property
    def whole(self) -> Placed:
        """The bars that lie on a session, one a ticker and session, malformed ones too; what is delivered again
        counts instead of the bar known earlier."""
        return self._placed_and_sound[0]

    @cached_property
    def tape(self) -> Tape:
        """The bars of `whole` that are well-formed: those one may compare."""
        return self._placed_and_sound[1]

    @cached_property
    def _placed_and_sound(self) -> tuple[Placed, Tape]:
        """Both at once; the prices of malformed bars are never taken."""
        bars, rows, at = self._on_sessions()
        sound = np.ones(len(rows), dtype=bool)
        sound[rows >= 0] = ~self.malformed[rows[rows >= 0]]
        codes = pd.factorize(bars["ticker"])[0]
        return Placed(codes, at, rows), _tape(bars, Placed(codes[sound], at[sound], rows[sound]), sound)

    def _on_sessions(self) -> tuple[pd.DataFrame, Ints, Ints]:
        """The bars of `whole`, for each its row in the delivery and its session's number."""
        placed = ~self.copied & (self.at >= 0)
        delivered, rows = (self.bars, np.arange(len(self.bars))) if placed.all() else _where(self.bars, placed)
        if self.past.empty:
            return delivered, rows, self.at[placed]
        past = self._known_before(delivered)
        both = pd.concat([past, delivered], ignore_index=True)
        rows = np.concatenate([np.full(len(past), -1), rows])
        order = canonical_order(both)
        at = self.days.get_indexer(pd.DatetimeIndex(both["session"]))
        return both.take(order), rows[order], at[order]

    def mask(self, tape: Placed, marked: Mask) -> Mask:
        """A mask over the delivery of the bars `marked` in `tape`."""
        rows = tape.row[marked]
        mask = np.zeros(len(self.bars), dtype=bool)
        mask[rows[rows >= 0]] = True
        return mask

    def _known_before(self, delivered: pd.DataFrame) -> pd.DataFrame:
        keys = ["ticker", "session"]
        past: pd.DataFrame = self.past[self.past["ticker"].isin(delivered["ticker"].unique())]
        past = past[past["session"] <= delivered["session"].max()]
        if not (past["session"] >= delivered["session"].min()).any():
            return past
        again = pd.MultiIndex.from_frame(past[keys]).isin(pd.MultiIndex.from_frame(delivered[keys]))
        return past[~again]


def _where(bars: pd.DataFrame, mask: Mask) -> tuple[pd.DataFrame, Ints]:
    return bars[mask], np.flatnonzero(mask)


def _tape(bars: pd.DataFrame, placed: Placed, chosen: Mask) -> Tape:
    """The chosen of `bars`, column by column."""

    def values(name: str) -> Floats:
        return np.asarray(bars[name].to_numpy()[chosen], dtype=np.float64)

    factor = values("factor")
    prices = {name: values(name) * factor for name in ("open", "high", "low", "close")}
    tick = smallest_steps(values("close"), placed.ticker) * factor
    return Tape(
        ticker=placed.ticker,
        at=placed.at,
        row=placed.row,
        **prices,
        volume=values("volume") / factor,
        tick=tick,
    )


def _as_above(values: pd.Series) -> Mask:
    column = values.to_numpy()
    same = np.zeros(len(column), dtype=bool)
    same[1:] = column[1:] == column[:-1]
    return same
