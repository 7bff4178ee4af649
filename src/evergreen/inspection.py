"""A look at files of bars that needs no set-up: what `evergreen validate` does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from evergreen.adapters.bars.files import bar_files, read_any
from evergreen.core.calendar import sessions
from evergreen.core.quality import Finding, check


def inspect_paths(paths: Sequence[Path], calendar: str) -> list[Finding]:
    """The findings in every file of bars that `paths` name or hold.

    Raises:
        UnreadableFile, NoBars: a file that is not bars, a folder without any.
    """
    return [finding for file in _files(paths) for finding in inspect_bars(read_any(file), calendar)]


def inspect_bars(bars: pd.DataFrame, calendar: str) -> list[Finding]:
    """The findings in one delivery, held against the sessions of the exchange."""
    days = bars["session"].dropna()
    if days.empty:
        return check(bars, pd.DatetimeIndex([], dtype="datetime64[us]"))
    return check(bars, sessions(calendar, days.min(), days.max()))


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        yield from bar_files(path) if path.is_dir() else [path]
