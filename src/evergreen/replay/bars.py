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
from evergreen.errors import NoBars

EARLIEST = pd.Timestamp("1970-01-02")


@dataclass(frozen=True, eq=False)
class CleanBars:
    """Accepted bars, what share of each session's delivery was refused, and the exchange they are from.

    `refused` has the columns `rows` and `refused` (counts) by session.
    """

    bars: pd.DataFrame
    refused: pd.DataFrame
    calendar: str


def open_bars(spec: str, calendar: str) -> BarSource:
    """The source that a file, a folder, or the name of a source stands for."""
    return FilesSource(Path(spec), calendar) if Path(spec).exists() else open_source(spec, calendar)


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
        raise NoBars(f"{spec} has no bars up to {iso(until)}.", "Name other bars, or a later end.")
    return clean(delivery, start, source.calendar)


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
