"""A look at files of bars that needs no set-up: what `evergreen validate` does."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from evergreen.adapters.bars.files import bar_files, read_any, ticker_of
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.schema import NUMBERS, conform, empty_bars
from evergreen.core.quality import Finding, Severity, check
from evergreen.errors import NoBars, UnreadableFile


@dataclass(frozen=True)
class Inspection:
    """What the files that could be read say, the unreadable ones first, and why those could not be."""

    findings: list[Finding]
    unreadable: list[UnreadableFile]


def inspect_paths(paths: Sequence[Path], calendar: Calendar, now: datetime) -> Inspection:
    """The findings in the files of bars that `paths` name or hold, taken as one delivery and judged at `now` (UTC).

    Files are held against each other: a series may come under many names. A file that says what another one says is
    named and then left out.

    Raises:
        NoBars: a folder without any file that may hold bars.
    """
    read: dict[Path, pd.DataFrame] = {}
    unreadable: list[tuple[Path, UnreadableFile]] = []
    for file in dict.fromkeys(_files(paths)):
        try:
            read[file] = read_any(file)
        except UnreadableFile as error:
            unreadable.append((file, error))
    findings = [_about(file, "unreadable", "block", error.what) for file, error in unreadable]
    findings += _same_content(read) + _mixed_tickers(read)
    bars = conform(pd.concat(read.values(), ignore_index=True)) if read else empty_bars()
    return Inspection(findings + inspect_bars(bars, calendar, now), [error for _, error in unreadable])


def inspect_bars(bars: pd.DataFrame, calendar: Calendar, now: datetime) -> list[Finding]:
    """The findings in one delivery, held against the sessions the exchange has closed by `now`."""
    return check(bars, calendar.closed(bars["session"].min(), now))


def _same_content(read: dict[Path, pd.DataFrame]) -> list[Finding]:
    """A finding for each file that repeats an earlier one, which is then taken out of `read`."""
    seen: dict[str, Path] = {}
    findings = []
    for file, bars in list(read.items()):
        first = seen.setdefault(_digest(bars), file)
        if first != file and len(bars):
            findings.append(_about(file, "same_content", "warn", f"{file} says what {first} says: left out"))
            del read[file]
    return findings


def _digest(bars: pd.DataFrame) -> str:
    """Of what the bars say, whatever the file's form."""
    content = bars[["ticker", "session", *NUMBERS]]
    return hashlib.sha256(np.asarray(pd.util.hash_pandas_object(content, index=False)).tobytes()).hexdigest()


def _mixed_tickers(read: dict[Path, pd.DataFrame]) -> list[Finding]:
    """A finding for each stranger in a file that is named for a ticker it holds."""
    findings = []
    for file, bars in read.items():
        tickers = [str(ticker) for ticker in bars["ticker"].unique()]
        if len(tickers) > 1 and ticker_of(file) in tickers:
            findings += [
                _about(file, "mixed_tickers", "quarantine", f"{file} also holds bars of {stranger}", stranger)
                for stranger in tickers
                if stranger != ticker_of(file)
            ]
    return findings


def _about(file: Path, rule: str, severity: Severity, message: str, ticker: str = "") -> Finding:
    return Finding(rule, severity, ticker, None, "file", None, message)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        files = bar_files(path) if path.is_dir() else [path]
        if not files:
            raise NoBars(f"{path} holds no bars.", "Name a folder with CSV or Parquet files.")
        yield from files
