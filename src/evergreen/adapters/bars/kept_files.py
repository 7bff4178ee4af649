"""The source `files:` from one run to the next: of files that only grew, what is new is parsed and nothing else."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path

import pandas as pd

from evergreen.adapters.bars.files.folder import (
    Content,
    State,
    content_of,
    digest_of_bars,
    findings_on,
    read_or_refuse,
    repeated_files,
    states_in,
)
from evergreen.adapters.bars.files.reading import FileBars
from evergreen.adapters.bars.files.tail import End, Past, digest_of, end_of, new_rows, read_ends
from evergreen.adapters.bars.kept_rows import DAMAGE, Filters, KeptRows, Remembered
from evergreen.adapters.bars.writing import LOCK, only_writer
from evergreen.core.bars.schema import SUPPLIED, conform, empty_bars, without
from evergreen.core.quality import Finding
from evergreen.errors import UnreadableFile


class KeptFiles:
    """The bars of the files below `folder`, as `FilesSource` gives them, with what was read of them kept in `home`.

    Each run takes the digest of every file. One that is as it was is not parsed, of one that only grew the new lines
    are, and any other is read whole.
    """

    def __init__(self, folder: Path, calendar: str, home: Path) -> None:
        self.name = "files"
        self.calendar = calendar
        self._folder = folder
        self._place = home / sha256(os.fsencode(folder.resolve())).hexdigest()[:16]

    @cached_property
    def _memory(self) -> KeptRows:
        memory = _refreshed(self._place, states_in(self._folder))
        refused = [one.outcome for one in memory.files.values() if isinstance(one.outcome, UnreadableFile)]
        if not memory.years and refused:
            raise refused[0]
        return memory

    @cached_property
    def _repeated(self) -> dict[str, str]:
        return repeated_files(_contents(self._memory), self._digest)

    def _digest(self, file: str) -> str:
        return digest_of_bars(self._rows(None, [("file", "=", os.fsencode(file))]))

    def _rows(self, years: Collection[int] | None, filters: Filters) -> pd.DataFrame:
        """The kept bars; read anew from the files themselves where what was kept is damaged."""
        try:
            return self._memory.rows(years, filters)
        except DAMAGE:
            self._memory.forget()
            _refreshed.cache_clear()
            del self._memory
            return self._memory.rows(years, filters)

    def tickers(self) -> list[str]:
        """What can be fetched, sorted."""
        contents = _contents(self._memory)
        return sorted({name for file, one in contents.items() if file not in self._repeated for name in one.tickers})

    def fetch(self, tickers: Sequence[str], start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """The bars there are of `tickers` from `start` to `end` (sessions, inclusive): columns `SUPPLIED`."""
        years = [year for year in self._memory.years if start.year <= year <= end.year]
        rows = self._rows(years, [("session", ">=", start), ("session", "<=", end)])
        left_out = ~rows["ticker"].isin(list(tickers)) | rows["file"].isin(list(self._repeated))
        return conform(without(rows, left_out))[list(SUPPLIED)]

    def findings(self) -> list[Finding]:
        """What is to be said of the files: what was decided about them, left out of them or not read at all."""
        outcomes = {file: one.outcome for file, one in self._memory.files.items()}
        return findings_on(outcomes, _contents(self._memory), self._repeated)


@lru_cache(maxsize=1)
def _refreshed(place: Path, states: tuple[State, ...]) -> KeptRows:
    """What is kept of files in these states: a process that walks several sessions looks at them once."""
    names = [str(file) for file, *_ in states]
    with only_writer(place.parent / f"{place.name}{LOCK}"):
        memory = KeptRows.load(place)
        try:
            return _refresh(memory, names)
        except DAMAGE:
            return _refresh(memory.forget(), names)


def _refresh(memory: KeptRows, names: list[str]) -> KeptRows:
    """What is kept once the files `names` are read as far as they changed."""
    looks = {name: _look(name, memory.files.get(name)) for name in names}
    if list(memory.files) == names and all(look.same for look in looks.values()):
        return memory
    added = _new_rows(memory, {name: look.end for name, look in looks.items() if look.end})
    grown = {str(name): content_of(rows) for name, rows in added.groupby("file")}
    outcomes = {
        name: read_or_refuse(name, alone=len(names) == 1)
        for name, look in looks.items()
        if not look.same and name not in grown
    }
    read = {name: one.bars for name, one in outcomes.items() if isinstance(one, FileBars)}
    remembered = {}
    for name, look in looks.items():
        if name in outcomes:
            content = content_of(read[name]) if name in read else None
            remembered[name] = Remembered.of(look.past, outcomes[name], content)
        else:
            remembered[name] = memory.files[name].grown(look.past, grown.get(name))
    parts = [added, *(bars.assign(file=name) for name, bars in read.items())]
    rows = pd.concat([part for part in parts if len(part)] or [added], ignore_index=True)
    forgotten = [name for name in memory.files if name in outcomes or name not in looks]
    return memory.updated(remembered, forgotten, rows)


@dataclass(frozen=True)
class _Look:
    """A file as it is now: its bytes, whether they are those that were read, and its end if it may only have grown."""

    past: Past
    same: bool = False
    end: End | None = None


def _look(name: str, before: Remembered | None) -> _Look:
    try:
        data = Path(name).read_bytes()
    except OSError:
        return _Look(Past(0, ""))  # why is told by who reads it whole
    past = Past(len(data), digest_of(data))
    if before is None:
        return _Look(past)
    return _Look(past, before.past.digest == past.digest, end_of(name, data, before.past))


def _new_rows(memory: KeptRows, ends: Mapping[str, End]) -> pd.DataFrame:
    rows = read_ends(ends) if ends else empty_bars().assign(file="")
    if not len(rows):
        return empty_bars().assign(file="")
    return new_rows(rows, memory.rows({int(year) for year in rows["session"].dt.year.unique()}))


def _contents(memory: KeptRows) -> dict[str, Content]:
    return {file: one.content for file, one in memory.files.items() if one.content}
