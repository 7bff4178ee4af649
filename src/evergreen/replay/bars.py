"""The bars that a replay walks over: a source, a file or a folder, less what validation refuses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from evergreen.adapters.bars import BarSource, FilesSource, open_source
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.schema import conform, empty_bars
from evergreen.core.bars.session import iso
from evergreen.core.quality import RULES, check, split
from evergreen.core.quality.delivery_panel import DeliveryPanel
from evergreen.core.quality.rows import row_masks
from evergreen.errors import BadSetting, NoBars

USUAL = "XNYS"  # of files that say no exchange
COMPARED = pd.Timestamp("2001-01-02"), pd.Timestamp("2010-12-31")
EARLIEST = pd.Timestamp("1970-01-02")


@dataclass(frozen=True, eq=False)
class CleanBars:
    """Accepted bars, what share of each session's delivery was refused, and the exchange they are from.

    `refused` has the columns `rows` and `refused` (counts) by session.
    """

    bars: pd.DataFrame
    refused: pd.DataFrame
    calendar: str


def open_bars(spec: str, calendar: str = "", usual: str = USUAL) -> BarSource:
    """The source that a file, a folder, or the name of a source stands for.

    Args:
        spec: which.
        calendar: the exchange it must follow; empty: its own, of files the usual one.
        usual: the exchange of files that say none.

    Raises:
        BadSetting: there is no such source, or it has another exchange.
    """
    exchange = calendar or usual
    source = FilesSource(Path(spec), exchange) if Path(spec).exists() else open_source(spec, exchange)
    if calendar and not _alike(source.calendar, calendar):
        raise BadSetting(
            f"{spec} follows the sessions of {source.calendar}, not of {calendar}.", "Leave the calendar away."
        )
    return source


def read_bars(
    spec: str, calendar: str, start: pd.Timestamp, until: pd.Timestamp, tickers: list[str] | None = None
) -> CleanBars:
    """All bars up to session `until`; those before the walk's `start` less what a backfill refuses.

    Raises:
        BadSetting, UnreadableFile, NoBars: there is nothing of the kind.
    """
    source = open_bars(spec, calendar)
    delivery = source.fetch(tickers or source.tickers(), EARLIEST, until)
    if delivery.empty:
        raise NoBars(f"{spec} has no bars{_of(tickers or [])} up to {iso(until)}.", "Name other bars, or a later end.")
    if absent := sorted(set(tickers or []) - set(delivery["ticker"])):
        raise NoBars(f"{spec} has no bars{_of(absent)} up to {iso(until)}.", "Leave them away, or mend their names.")
    return clean(delivery, start, source.calendar)


def _alike(exchange: str, other: str) -> bool:
    """Whether two names stand for the same sessions, as NYSE and XNYS do."""
    one, two = (Calendar(name).sessions(*COMPARED) for name in (exchange, other))
    return one.equals(two)


def _of(tickers: list[str]) -> str:
    return f" of {', '.join(tickers)}" if tickers else ""


def clean(delivery: pd.DataFrame, start: pd.Timestamp, calendar: str) -> CleanBars:
    """What of a delivery would be accepted: the history before `start` at once, then each bar by itself.

    The walk's own bars are refused only for what is wrong in themselves (not a number, not a price, out of order,
    on no session): rules that look at a bar's neighbours would know sessions that have not come.
    """
    days = Calendar(calendar).sessions(delivery["session"].min(), delivery["session"].max())
    walked = delivery["session"] >= start
    history, walk = conform(delivery[~walked]), conform(delivery[walked])
    accepted = [split(history, check(history, days[days < start]))[0]] if len(history) else []
    bad = _wrong_in_themselves(walk, days) if len(walk) else np.zeros(0, dtype=bool)
    accepted.append(walk[~bad].drop_duplicates(["ticker", "session"]))
    counts = pd.DataFrame({"rows": 1, "refused": bad.astype(np.int64)}, index=walk.index)
    return CleanBars(pd.concat(accepted, ignore_index=True), counts.groupby(walk["session"]).sum(), calendar)


def _wrong_in_themselves(bars: pd.DataFrame, days: pd.DatetimeIndex) -> np.ndarray:
    with np.errstate(all="ignore"):
        masks = row_masks(DeliveryPanel(bars, days, days[-1], empty_bars()))
    wrong = np.zeros(len(bars), dtype=bool)
    for rule in RULES:
        if rule.refuses == "bar" and rule.name in masks:
            wrong |= masks[rule.name].reshape(len(bars), -1).any(axis=1)
    return wrong
