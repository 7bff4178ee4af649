"""A look at files of bars that needs no set-up: what `evergreen validate` does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from evergreen.adapters.bars.files import bar_files, files_in, read_files
from evergreen.core.bars.calendar import Calendar
from evergreen.core.quality import Finding, check
from evergreen.errors import NoBars, UnreadableFile
from evergreen.market_data.exchange_fit import wrong_exchange


@dataclass(frozen=True)
class Inspection:
    """What the files that could be read say, the unreadable ones first, and why those could not be.

    `bars` and `tickers` count what was read; a file that repeats another one is not counted again.
    """

    findings: list[Finding]
    unreadable: list[UnreadableFile]
    bars: int
    tickers: int


def inspect_paths(paths: Sequence[Path], calendar: Calendar, now: datetime) -> Inspection:
    """The findings in the files of bars that `paths` name or hold, taken as one delivery and judged at `now` (UTC).

    Files are held against each other: a series may come under many names. A file that says what another one says is
    named and then left out.

    Raises:
        NoBars: a folder without any file that may hold bars.
    """
    folder = read_files(list(_files(paths)))
    return Inspection(
        findings=folder.findings + inspect_bars(folder.bars, calendar, now),
        unreadable=folder.unreadable,
        bars=len(folder.bars),
        tickers=folder.bars["ticker"].nunique(),
    )


def inspect_bars(bars: pd.DataFrame, calendar: Calendar, now: datetime) -> list[Finding]:
    """The findings in one delivery, held against the sessions the exchange has closed by `now`."""
    return wrong_exchange(bars, calendar) + check(bars, calendar.closed(bars["session"].min(), now))


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir() and not bar_files(path):
            raise NoBars(f"{path} holds no bars.", "Name a folder with CSV or Parquet files.")
        yield from files_in(path) if path.is_dir() else [path]
