"""Text tables that only grew: their new lines are read beside the last of those that were read before."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evergreen.adapters.bars.files.layout import columns_of
from evergreen.adapters.bars.files.naming import ticker_of
from evergreen.adapters.bars.files.opening import BOM, DELIMITED, UTF16, open_delimited, suffix_of
from evergreen.adapters.bars.files.reading import read_rows
from evergreen.core.bars.schema import KEYS, NUMBERS
from evergreen.errors import UnreadableFile

BESIDE = 100  # lines read again with the new ones: enough to tell day from month, and a comma from a point
STEP = 1e-3  # of a factor: a smaller one is rounding
OF_THE_FORM = {"number_form", "date_form", "preamble"}  # what may be said of these lines as it was of the file
PLAIN_NAME = re.compile(r"[\w.^=-]+")  # one that needs no quotes in a text table


@dataclass(frozen=True)
class Past:
    """What is remembered of a file as it was read: its bytes, their digest, and the form it was read by."""

    size: int
    digest: str
    header: int = 0
    decimal: str = "."


@dataclass(frozen=True)
class End:
    """The header of a file, and its last lines: those read again and those that came since."""

    header: bytes
    lines: tuple[bytes, ...]
    decimal: str


def digest_of(data: bytes) -> str:
    """What tells whether a file's first bytes are still those that were read."""
    return hashlib.sha256(data).hexdigest()


def end_of(path: str, data: bytes, past: Past) -> End | None:
    """The end of a plain text table of which no more changed than that lines came to it; None of any other."""
    if suffix_of(path) not in DELIMITED or data.startswith(UTF16) or not past.header or len(data) <= past.size:
        return None
    ended = data[past.size - 1 : past.size] == b"\n"
    if not ended and data[past.size : past.size + 1] not in (b"\n", b"\r"):
        return None
    if digest_of(data[: past.size]) != past.digest:
        return None
    top, start = 0, past.size
    for _ in range(past.header):
        top = data.find(b"\n", top) + 1
    for _ in range(BESIDE + ended):
        start = data.rfind(b"\n", 0, start)
    lines = tuple(line for line in data[start + 1 :].split(b"\n") if line.strip())
    return End(data[:top], lines, past.decimal) if start + 1 >= top else None


def read_ends(ends: Mapping[str, End]) -> pd.DataFrame:
    """The bars of these lines, with their `file`, of those files whose lines alone tell the form they were read by.

    Files with one header are read as one table: a table of a hundred lines costs as much as one of thousands.
    """
    groups: dict[tuple[bytes, str], list[str]] = {}
    for file, end in ends.items():
        groups.setdefault((end.header, end.decimal), []).append(file)
    parts: list[pd.DataFrame] = []
    for files in groups.values():
        together = _read(files, ends)
        parts += [_read([file], ends) for file in files] if together.empty else [together]
    return pd.concat(parts, ignore_index=True)


def new_rows(rows: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """The bars of `rows` (as `read_ends` gives them) that are not among `before` (the files' own, with their `file`).

    A file is left out where the lines that were read again do not say what they said, each once: they tell that its
    form is the old one, and that nothing new is about a session that stood in it. So is one whose factor steps: what
    that means is told by the whole file.
    """
    keys, numbers = ["file", *KEYS], list(NUMBERS)
    known = before.drop_duplicates(keys, keep=False)[[*keys, *numbers]].assign(known=True)
    beside = rows[keys].merge(known, on=keys, how="left")
    again = beside["known"].notna().to_numpy()
    ours, theirs = rows[numbers].to_numpy(), beside[numbers].to_numpy()
    alike = ((ours == theirs) | (np.isnan(ours) & np.isnan(theirs))).all(axis=1)
    steps = rows.groupby(["file", "ticker"])["factor"].pct_change().abs() > STEP
    wrong = (again & ~alike) | rows.duplicated(keys, keep=False) | (steps & ~again)
    by_file = pd.DataFrame({"file": rows["file"], "again": again, "wrong": wrong}).groupby("file").sum()
    sound = by_file.index[(by_file["again"] == BESIDE) & (by_file["wrong"] == 0)]
    return rows[~again & rows["file"].isin(sound)]


def _read(files: Collection[str], ends: Mapping[str, End]) -> pd.DataFrame:
    """The bars of files of one header; none where they cannot be read so, or a row would be left out."""
    first, *_ = files
    text = _as_one_table(files, ends) if len(files) > 1 else b"\n".join([ends[first].header, *ends[first].lines])
    counts = [len(ends[file].lines) for file in files]
    nothing = pd.DataFrame(columns=[*KEYS, *NUMBERS, "source", "file"])
    try:
        read = read_rows(first, text) if text else None
    except UnreadableFile:
        return nothing
    if read is None or read.decimal != ends[first].decimal or len(read.bars) != sum(counts):
        return nothing
    if any(finding.rule not in OF_THE_FORM for finding in read.findings):
        return nothing
    return read.bars.assign(file=np.repeat(np.array(list(files), dtype=object), counts))


def _as_one_table(files: Collection[str], ends: Mapping[str, End]) -> bytes:
    """The lines of all files under their one header, each with its ticker before it where no column says it; empty
    where a name would need quotes, or the header has several lines."""
    first, *_ = files
    header = ends[first].header.removeprefix(BOM)
    table = open_delimited(first, header + ends[first].lines[0])
    if header.count(b"\n") != 1 or not all(PLAIN_NAME.fullmatch(ticker_of(file)) for file in files):
        return b""
    if "ticker" in columns_of(table.lines[0]):
        return header + b"\n".join(line for file in files for line in ends[file].lines)
    mark = table.separator.encode()
    named = (ticker_of(file).encode() + mark + line for file in files for line in ends[file].lines)
    return b"ticker" + mark + header + b"\n".join(named)
