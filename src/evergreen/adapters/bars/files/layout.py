"""Step two: which column holds what, for one ticker or for many side by side."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from evergreen.adapters.bars.files.opening import HINT
from evergreen.adapters.bars.files.spellings import SPELLINGS, plain, scale_of
from evergreen.core.bars.schema import NUMBERS, PRICES, REQUIRED
from evergreen.errors import UnreadableFile

TEXTS = ("ticker", "session", "time", "currency")
_UNNAMED = ("", "unnamed", "index")
_CORNERS = (*_UNNAMED, "price", "ticker", "attributes", "symbols", "symbol")
_FEWEST_KNOWN = 3  # columns by which a line is taken for the header
_DAY = re.compile(r"\d{4}[-/.]?\d{2}|\d{1,2}[/.-]\d{1,2}[/.-]\d{2}")


@dataclass(frozen=True)
class Layout:
    """Where the columns are: the `header` lines to leave out, and per part a ticker (None: a column or the file's
    name says it) and the place of each column."""

    header: int
    parts: list[tuple[str | None, dict[str, int]]]
    preamble: int = 0
    shares: float = 1.0  # what a volume of 1 means

    def places(self, texts: bool) -> list[int]:
        """The places of the columns that are texts, or numbers, each once."""
        return sorted({at for _, part in self.parts for name, at in part.items() if (name in TEXTS) is texts})


def find_layout(path: object, lines: Sequence[Sequence[str]], given: Collection[str] = ()) -> Layout:
    """The layout of a table whose first lines are `lines`; `given` are columns that the file's place says.

    Raises:
        UnreadableFile: no header, columns missing or twice there, or a table of one value a ticker.
    """
    start = next((n for n, line in enumerate(lines) if len(columns_of(line)) >= _FEWEST_KNOWN), 0)
    side_by_side = _side_by_side(lines)
    if side_by_side is not None:
        for ticker, part in side_by_side.parts:
            require(path, part, lines[0], f" for {ticker}")
        return side_by_side
    header, rows = lines[start], lines[start + 1 :]
    columns = columns_of(header)
    _refuse_headless(path, header, columns)
    if "session" not in columns:
        columns |= _unnamed_dates(header, rows)
    if "session" not in columns and "time" in columns:  # as charts export it: one column for both
        columns["session"] = columns.pop("time")
    _refuse_wide(path, header, columns)
    require(path, [*columns, *given], header)
    _refuse_twice(path, header, columns)
    return Layout(start + 1, [(None, columns)], start, scale_of(header[columns["volume"]]))


def columns_of(header: Sequence[str]) -> dict[str, int]:
    """Our name for each column of the header that we know, by the first spelling it has, with its place."""
    return dict(_columns_of(tuple(header)))


@lru_cache(maxsize=64)  # the files of a folder mostly have one header
def _columns_of(header: tuple[str, ...]) -> dict[str, int]:
    spelled = {plain(name): place for place, name in reversed(list(enumerate(header)))}
    places = {name: next((spelled[s] for s in spellings if s in spelled), -1) for name, spellings in SPELLINGS.items()}
    return {name: place for name, place in places.items() if place >= 0}


def require(path: object, columns: Collection[str], header: Sequence[str], whose: str = "") -> None:
    """Refuse a table without a column that bars need."""
    missing = [name for name in REQUIRED if name not in columns and name != "ticker"]
    if missing:
        present = ", ".join(str(name)[:30] for name in header[:12])
        raise UnreadableFile(f"{path} has no column for {', '.join(missing)}{whose} (it has: {present}).", HINT)


def _side_by_side(lines: Sequence[Sequence[str]]) -> Layout | None:
    """Two or three header lines, one naming fields and one tickers, as pandas and yfinance write them."""
    if len(lines) < 2 or len(lines[0]) != len(lines[1]) or not all(_is_corner(line) for line in lines[:2]):
        return None
    upper, lower = (columns_of(line[1:]) for line in lines[:2])
    fields, tickers = (lines[0], lines[1]) if len(upper) >= len(lower) else (lines[1], lines[0])
    named = len(lines) > 2 and bool(lines[2]) and plain(lines[2][0]) in SPELLINGS["session"]
    parts: dict[str, list[tuple[str, int]]] = {}
    for place, (field, ticker) in enumerate(zip(fields[1:], tickers[1:], strict=True), start=1):
        parts.setdefault(ticker, []).append((field, place))
    return Layout(3 if named else 2, [(ticker, _part(columns)) for ticker, columns in parts.items()])


def _is_corner(line: Sequence[str]) -> bool:
    """Whether a line begins as a header above a column of dates does, and holds no date itself."""
    if not any(line) or re.search(r"\d", line[0]) or any(_DAY.match(field) for field in line):
        return False
    return plain(line[0]) in _CORNERS


def _part(columns: list[tuple[str, int]]) -> dict[str, int]:
    known = columns_of([field for field, _ in columns])
    return {"session": 0} | {name: columns[at][1] for name, at in known.items() if name in (*NUMBERS, "adjusted_close")}


def _unnamed_dates(header: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, int]:
    """The first column, if it has no name and holds what may be dates: an index that pandas wrote."""
    first = next((row[0] for row in rows if row), "")
    if header and plain(header[0]) in _UNNAMED and re.search(r"\d{4}", first):
        return {"session": 0}
    return {}


def _refuse_headless(path: object, header: Sequence[str], columns: dict[str, int]) -> None:
    if not columns and any(_DAY.match(field) for field in header):
        raise UnreadableFile(f"{path} has no header: its first line is {', '.join(header[:4])}...", HINT)


def _refuse_twice(path: object, header: Sequence[str], columns: dict[str, int]) -> None:
    """Two columns of one name: nothing says which of them is right."""
    spelled = [plain(name) for name in header]
    for place in columns.values():
        if spelled.count(spelled[place]) > 1 and spelled[place] not in _UNNAMED:
            raise UnreadableFile(f"{path} has more than one column called {header[place]}.", "Leave one of them.")


def _refuse_wide(path: object, header: Sequence[str], columns: dict[str, int]) -> None:
    if "session" in columns and not set(columns) & {*PRICES, "volume"} and len(header) > 2:
        others = ", ".join(str(name)[:20] for name in header[1:4])
        raise UnreadableFile(
            f"{path} has no column for {', '.join((*PRICES, 'volume'))}: it has one value a ticker ({others}...).", HINT
        )
