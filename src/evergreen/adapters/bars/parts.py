"""Rows in files that are never rewritten: what they are called, which of them count, which become one.

Of each year the first rows to come are `year=YYYY.parquet`; a history loaded at once is years. What comes later of a
year that has its file is a part, numbered in the order of arrival and called by the days it holds rows of:
`part-000022-000022_2008-02-01_2008-02-01.parquet`. Once a month is over its parts become one,
`part-000001-000021_2008-01-03_2008-01-31.parquet`. A part whose number lies in another's range counts no longer, so
that a kill between the merged part and the removal of what it holds counts no row twice. So a listing is the
manifest, and each row is written about twice, however long the history.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

MOST = 64  # parts before they are merged within their month: twice a month's sessions, and quick to open all
FIRST_DAY, LAST_DAY = "0001-01-01", "9999-12-31"
_YEAR = re.compile(r"year=(\d{4})\.parquet")
_DAY = r"(\d{4}-\d{2}-\d{2})"
_PART = re.compile(rf"part-(\d{{6}})-(\d{{6}})_{_DAY}_{_DAY}\.parquet")


@dataclass(frozen=True)
class Part:
    """One file: the days it may hold rows of, both inclusive, and the numbers of the parts that went into it.

    A year's file has the number 0, and so has a file of another name, which may hold any day.
    """

    path: Path
    first: str = FIRST_DAY
    last: str = LAST_DAY
    lowest: int = 0
    highest: int = 0

    @property
    def single(self) -> bool:
        """Whether it is as it arrived, and numbered."""
        return 0 < self.lowest == self.highest

    def holds(self, other: Part) -> bool:
        """Whether it was merged of the other, among others."""
        within = 0 < self.lowest <= other.lowest and other.highest <= self.highest
        return within and self != other and self.path.parent == other.path.parent


def standing(paths: Iterable[Path], first: str = FIRST_DAY, last: str = LAST_DAY) -> list[Part]:
    """The parts that count and may hold rows of the days from `first` to `last`, in the order of arrival."""
    parts = [_part(path) for path in paths]
    merged = [part for part in parts if part.lowest < part.highest]
    within = [part for part in parts if part.first <= last and first <= part.last]
    return sorted(
        (part for part in within if not any(other.holds(part) for other in merged)),
        key=lambda part: (part.lowest, part.path),
    )


def of_year(folder: Path, year: int) -> Path:
    """The file of the first rows of a year."""
    return folder / f"year={year:04d}.parquet"


def following(folder: Path, first: str, last: str) -> Path:
    """The file of the next part to arrive in `folder`, with rows of the days from `first` to `last`."""
    number = max((part.highest for part in map(_part, folder.glob("part-*.parquet"))), default=0) + 1
    return _named(folder, number, number, first, last)


def gone(names: Iterable[str], folder: Path) -> list[str]:
    """Which files of those names are neither in `folder` nor merged into a part of it."""
    there = [_part(path) for path in folder.glob("*.parquet")]
    lacking = {folder / name for name in names} - {part.path for part in there}
    return sorted(path.name for path in lacking if not any(part.holds(_part(path)) for part in there))


def remove_merged(folder: Path) -> None:
    """Remove the parts whose rows are in another.

    A merging leaves them to the next delivery, so that a reader that listed them has until then to read them.
    """
    parts = [_part(path) for path in folder.glob("part-*.parquet")]
    for part in parts:
        if any(other.holds(part) for other in parts):
            part.path.unlink()


def merge_finished(folder: Path, write: Callable[[list[Path], Path], None]) -> None:
    """Have `write` make one file of the parts that came before the newest month, where there are several."""
    over = finished(standing(folder.glob("part-*.parquet")))
    if len(over) > 1:
        days = min(part.first for part in over), max(part.last for part in over)
        write([part.path for part in over], _named(folder, over[0].lowest, over[-1].highest, *days))


def finished(parts: Sequence[Part]) -> list[Part]:
    """Of parts in the order of arrival the single ones before the first that reaches into the newest month."""
    single = [part for part in parts if part.single]
    if len(single) > MOST:
        return single
    newest = max((_month(part) for part in single), default="")
    return list(takewhile(lambda part: _month(part) < newest, single))


def _month(part: Part) -> str:
    return part.last[: len("2008-01")]


def _named(folder: Path, lowest: int, highest: int, first: str, last: str) -> Path:
    return folder / f"part-{lowest:06d}-{highest:06d}_{first}_{last}.parquet"


def _part(path: Path) -> Part:
    if year := _YEAR.fullmatch(path.name):
        return Part(path, f"{year[1]}-01-01", f"{year[1]}-12-31")
    if part := _PART.fullmatch(path.name):
        return Part(path, part[3], part[4], int(part[1]), int(part[2]))
    return Part(path)
