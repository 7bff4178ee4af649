"""A look at files of bars that needs no set-up: what `evergreen validate` does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pandas as pd

from evergreen.adapters.bars.files import bar_files, read_any
from evergreen.core.calendar import closed_sessions
from evergreen.core.quality import Finding, check
from evergreen.errors import NoBars


def inspect_paths(paths: Sequence[Path], calendar: str, now: datetime) -> list[Finding]:
    """The findings in every file of bars that `paths` name or hold, judged at `now` (UTC).

    Raises:
        UnreadableFile, NoBars: a file that is not bars, a folder without any.
    """
    return [finding for file in _files(paths) for finding in inspect_bars(read_any(file), calendar, now)]


def inspect_bars(bars: pd.DataFrame, calendar: str, now: datetime) -> list[Finding]:
    """The findings in one delivery, held against the sessions the exchange has closed by `now`."""
    return check(bars, closed_sessions(calendar, bars["session"].min(), now))


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        held = bar_files(path) if path.is_dir() else [path]
        if not held:
            raise NoBars(f"{path} holds no bars.", "Name a folder with CSV or Parquet files.")
        yield from held
