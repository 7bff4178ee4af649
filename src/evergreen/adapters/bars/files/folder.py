"""Many files of bars as one delivery: held against one another, and none left unmentioned."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from evergreen.adapters.bars.files.naming import ticker_of
from evergreen.adapters.bars.files.opening import suffix_of
from evergreen.adapters.bars.files.reading import FileBars, about, read_rows
from evergreen.core.bars.schema import NUMBERS, conform, empty_bars
from evergreen.core.quality import Finding
from evergreen.errors import NoBars, UnreadableFile


@dataclass(frozen=True)
class FolderBars:
    """The bars of all files that could be read, what is to be said of the files, and why the others could not be."""

    bars: pd.DataFrame
    findings: list[Finding]
    unreadable: list[UnreadableFile]


def files_in(place: Path) -> list[Path]:
    """The files below `place` (or `place` itself, if it is one), by name, links followed; hidden ones apart, and what
    programs mark by `_`."""
    if place.is_file():
        return [place]
    seen: set[str] = set()
    files: list[Path] = []
    for folder, folders, names in os.walk(place, followlinks=True):
        real = os.path.realpath(folder)  # a link may lead back to where one has been
        folders[:] = [] if real in seen else [name for name in folders if not name.startswith((".", "_"))]
        files += [] if real in seen else [Path(folder, name) for name in names if not _is_hidden(name)]
        seen.add(real)
    return sorted(files)


def bar_files(place: Path) -> list[Path]:
    """The files of `files_in` that may hold bars, by their suffix."""
    return [
        path for path in files_in(place) if (suffix_of(path.name) and not path.name.startswith("_")) or path == place
    ]


State = tuple[Path, int, int]
"""A file, when it was written (nanoseconds) and its bytes; zeros where it cannot be looked at."""


def states_in(place: Path) -> tuple[State, ...]:
    """The files of `files_in` as they are now.

    Raises:
        NoBars: none of them may hold bars.
    """
    if not bar_files(place):
        raise NoBars(f"{place.absolute()} holds no bars.", "Put CSV or Parquet files there, or name another folder.")
    return tuple(_state(file) for file in files_in(place))


def read_files(files: Sequence[Path | str]) -> FolderBars:
    """The bars in `files` (paths or fsspec URLs), as `read_file` reads each.

    A file that says what another one says is left out.
    """
    names = list(dict.fromkeys(map(str, files)))
    outcomes = {file: read_or_refuse(file, alone=len(names) == 1) for file in names}
    read = {file: outcome for file, outcome in outcomes.items() if isinstance(outcome, FileBars)}
    contents = {file: content_of(one.bars) for file, one in read.items()}
    repeated = repeated_files(contents, lambda file: digest_of_bars(read[file].bars))
    findings = findings_on(outcomes, contents, repeated)
    parts = [one.bars for file, one in read.items() if len(one.bars) and file not in repeated]
    bars = conform(pd.concat(parts, ignore_index=True)) if parts else empty_bars()
    return FolderBars(bars, findings, [each for each in outcomes.values() if isinstance(each, UnreadableFile)])


Outcome = FileBars | UnreadableFile | Finding
"""Of a file: its bars, why it cannot be read, or that it is not a file of bars."""


def read_or_refuse(file: str, alone: bool = False) -> Outcome:
    """What becomes of a file; one given `alone` is read whatever it is called."""
    path = Path(file)
    if path.exists() and not path.is_file():
        return about(file, "not_bars", "warn", "a pipe or a device: left out")
    if path.name.startswith("_") and not alone:
        return about(file, "not_bars", "warn", "marked by _ as not for reading: left out")
    if not suffix_of(file) and path.exists() and not alone:
        return about(file, "not_bars", "warn", "no file of bars by its name: left out")
    try:
        return read_rows(file)
    except UnreadableFile as error:
        return error


@dataclass(frozen=True)
class Content:
    """What is compared of a file's bars with those of others: how many, the range of closes, and whose they are."""

    count: int
    low: float
    high: float
    tickers: tuple[str, ...]

    def with_more(self, other: Content) -> Content:
        """Of these bars and others."""
        low, high = float(np.fmin(self.low, other.low)), float(np.fmax(self.high, other.high))
        return Content(self.count + other.count, low, high, tuple(dict.fromkeys(self.tickers + other.tickers)))


def content_of(bars: pd.DataFrame) -> Content:
    """What is compared of `bars`."""
    tickers = tuple(str(ticker) for ticker in bars["ticker"].unique())
    return Content(len(bars), float(bars["close"].min()), float(bars["close"].max()), tickers)


def repeated_files(contents: Mapping[str, Content], digest: Callable[[str], str]) -> dict[str, str]:
    """By file, the earlier one whose bars it repeats; `digest` is asked for the few that may."""
    alike = pd.Series({file: (one.count, one.low, one.high) for file, one in contents.items()}, dtype=object)
    seen: dict[str, str] = {}
    first = {file: seen.setdefault(digest(file), file) for file in alike[alike.duplicated(keep=False)].index}
    return {file: other for file, other in first.items() if other != file and contents[file].count}


def digest_of_bars(bars: pd.DataFrame) -> str:
    """Of what the bars say, whatever their file's form and order."""
    content = conform(bars)[["ticker", "session", *NUMBERS]]
    return hashlib.sha256(np.asarray(pd.util.hash_pandas_object(content, index=False)).tobytes()).hexdigest()


def findings_on(
    outcomes: Mapping[str, Outcome], contents: Mapping[str, Content], repeated: Mapping[str, str]
) -> list[Finding]:
    """What is to be said of files, each by itself and held against the others."""
    refused = [each for each in outcomes.values() if isinstance(each, UnreadableFile)]
    findings = [Finding("unreadable", "quarantine", "", None, "file", None, str(error)) for error in refused]
    findings += [each for each in outcomes.values() if isinstance(each, Finding)]
    findings += [about(file, "same_content", "warn", f"says what {o} says: left out") for file, o in repeated.items()]
    read = {file: each for file, each in outcomes.items() if isinstance(each, FileBars) and file not in repeated}
    findings += [finding for one in read.values() for finding in one.findings]
    return findings + [finding for file in read for finding in _mixed_tickers(file, contents[file].tickers)]


def _state(file: Path) -> State:
    try:
        stat = file.stat()
    except OSError:
        return file, 0, 0
    return file, stat.st_mtime_ns, stat.st_size


def _is_hidden(name: str) -> bool:
    """Whether nobody would miss the file: but one called like bars is missed."""
    return name.startswith(".") or (name.startswith("_") and not suffix_of(name))


def _mixed_tickers(file: str, tickers: Sequence[str]) -> list[Finding]:
    """A finding for each stranger in a file that is named for a ticker it holds."""
    own = ticker_of(file)
    if len(tickers) < 2 or own not in tickers:
        return []
    strangers = [ticker for ticker in tickers if ticker != own]
    return [about(file, "mixed_tickers", "quarantine", f"also holds bars of {each}", each) for each in strangers]
