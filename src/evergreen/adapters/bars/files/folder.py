"""Many files of bars as one delivery: held against one another, and none left unmentioned."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from evergreen.adapters.bars.files.naming import ticker_of
from evergreen.adapters.bars.files.opening import suffix_of
from evergreen.adapters.bars.files.reading import FileBars, about, read_file
from evergreen.core.bars.schema import NUMBERS, conform, empty_bars
from evergreen.core.quality import Finding
from evergreen.errors import UnreadableFile


@dataclass(frozen=True)
class FolderBars:
    """The bars of all files that could be read, what is to be said of the files, and why the others could not be."""

    bars: pd.DataFrame
    findings: list[Finding]
    unreadable: list[UnreadableFile]


def files_in(place: Path) -> list[Path]:
    """The files below `place` (or `place` itself, if it is one), by name; hidden ones and those marked `_` apart."""
    if place.is_file():
        return [place]
    below = (path for path in place.rglob("*") if path.is_file())
    return sorted(path for path in below if not any(part.startswith((".", "_")) for part in _below(path, place)))


def bar_files(place: Path) -> list[Path]:
    """The files of `files_in` that may hold bars, by their suffix."""
    return [path for path in files_in(place) if suffix_of(path.name) or path == place]


def read_files(files: Sequence[Path | str]) -> FolderBars:
    """The bars in `files` (paths or fsspec URLs), as `read_file` reads each.

    A file that says what another one says is left out.
    """
    read: dict[str, FileBars] = {}
    errors: dict[str, UnreadableFile] = {}
    findings = []
    for file in dict.fromkeys(map(str, files)):
        try:
            if suffix_of(file) or not Path(file).exists() or len(files) == 1:
                read[file] = read_file(file)
            else:
                findings.append(about(file, "not_bars", "warn", "no file of bars by its name: left out"))
        except UnreadableFile as error:
            errors[file] = error
    findings = [Finding("unreadable", "quarantine", "", None, "file", None, str(e)) for e in errors.values()] + findings
    findings += _same_content(read) + [finding for one in read.values() for finding in one.findings]
    findings += _mixed_tickers(read)
    parts = [one.bars for one in read.values() if len(one.bars)]
    bars = conform(pd.concat(parts, ignore_index=True)) if parts else empty_bars()
    return FolderBars(bars, findings, list(errors.values()))


def _below(path: Path, place: Path) -> tuple[str, ...]:
    return path.relative_to(place).parts


def _same_content(read: dict[str, FileBars]) -> list[Finding]:
    """A finding for each file that repeats an earlier one, which is then taken out of `read`."""
    seen: dict[str, str] = {}
    findings = []
    alike = pd.Series([_likeness(one.bars) for one in read.values()], index=list(read), dtype=object)
    for file in alike[alike.duplicated(keep=False)].index:
        one = read[file]
        first = seen.setdefault(_digest(one.bars), file)
        if first != file and len(one.bars):
            findings.append(about(file, "same_content", "warn", f"says what {first} says: left out"))
            del read[file]
    return findings


def _likeness(bars: pd.DataFrame) -> tuple[int, float]:
    """What files that say the same have in common, and few others: worth a digest only then."""
    return len(bars), float(np.nansum(bars["close"]))


def _digest(bars: pd.DataFrame) -> str:
    """Of what the bars say, whatever the file's form."""
    content = bars[["ticker", "session", *NUMBERS]]
    return hashlib.sha256(np.asarray(pd.util.hash_pandas_object(content, index=False)).tobytes()).hexdigest()


def _mixed_tickers(read: dict[str, FileBars]) -> list[Finding]:
    """A finding for each stranger in a file that is named for a ticker it holds."""
    findings = []
    for file, one in read.items():
        tickers = [str(ticker) for ticker in one.bars["ticker"].unique()]
        if len(tickers) > 1 and ticker_of(file) in tickers:
            findings += [
                about(file, "mixed_tickers", "quarantine", f"also holds bars of {stranger}", stranger)
                for stranger in tickers
                if stranger != ticker_of(file)
            ]
    return findings
