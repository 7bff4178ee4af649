"""One file of bars: opened, laid out, its numbers, dates and names read, and what was decided said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa

from evergreen.adapters.bars.files.dates import read_days
from evergreen.adapters.bars.files.factor_meaning import factor_meaning
from evergreen.adapters.bars.files.layout import TEXTS, Layout, find_layout
from evergreen.adapters.bars.files.naming import day_of, read_tickers, refuse_year, ticker_of
from evergreen.adapters.bars.files.numerals import read_numbers
from evergreen.adapters.bars.files.opening import (
    ARCHIVE,
    DELIMITED,
    HINT,
    SHEETS,
    open_delimited,
    open_table,
    open_workbook,
    suffix_of,
    unreadable,
)
from evergreen.adapters.bars.files.rows import (
    action_rows,
    live_rows,
    named,
    refuse_currencies,
    refuse_intraday,
    refuse_nameless,
)
from evergreen.core.bars.schema import PRICES, SUPPLIED, conform
from evergreen.core.bars.session import iso
from evergreen.core.printable import printable
from evergreen.core.quality import Finding, Severity
from evergreen.errors import BadInput, UnreadableFile


@dataclass(frozen=True)
class FileBars:
    """The bars of a file, and what was decided about it or left out of it."""

    bars: pd.DataFrame
    findings: tuple[Finding, ...]
    header: int = 0  # lines, those before it included; 0 of tickers side by side
    decimal: str = "."


def read_any(path: Path) -> pd.DataFrame:
    """The bars in the file `path`, as `read_file` reads them, without what is to be said of it."""
    return read_file(path).bars


def read_file(path: Path | str) -> FileBars:
    """The bars in the file at `path` (or fsspec URL), conformed.

    CSV (comma, semicolon, tab or bar; plain or packed), Parquet, Feather, JSON records or an Excel sheet, rows in any
    order, one long table or tickers side by side under two header lines. Numbers and dates are read by one convention
    found in the whole file. The ticker is a column's, the folder's (`ticker=AAPL`) or the file's name. `factor` comes
    from a column of that name, else from the adjusted close over the close, else it is 1.0; beside `applied_factor`
    prices are taken as adjusted and brought back. What is no number becomes NaN, for validation to find.

    Raises:
        UnreadableFile: no such file, not what its name says, an error page, columns missing, or a convention that
            the file leaves open.
    """
    read = read_rows(path)
    return replace(read, bars=conform(read.bars))


def read_rows(path: Path | str, data: bytes | None = None) -> FileBars:
    """As `read_file`, its bars in the file's order and not conformed yet: a folder's are conformed at once.

    With `data` these bytes are read in place of those of a text table at `path`.

    Raises:
        UnreadableFile: as there.
    """
    try:
        return _read(str(path), data)
    except UnreadableFile as error:
        raise UnreadableFile(printable(error.what), error.hint) from None
    except BadInput as error:
        raise UnreadableFile(printable(f"{path}: {error.what}"), error.hint) from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable(printable(str(path)), suffix_of(str(path)), error) from None


def about(path: object, rule: str, severity: Severity, message: str, ticker: str = "") -> Finding:
    """A finding about a file."""
    return Finding(rule, severity, ticker, None, "file", None, printable(f"{path}: {message}"))


def _read(path: str, data: bytes | None) -> FileBars:
    table, layout, odd = _opened(path, data)
    parts = [_part(table, part, ticker) for ticker, part in layout.parts]
    del table  # the copies are worked on
    long = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
    if odd and not len(long):
        raise UnreadableFile(f"{path}: every row has another number of fields than the header.", HINT)
    remarks = _Remarks(path)
    if layout.shares != 1:
        remarks.add("number_form", f"volumes are counted in {layout.shares:,.0f}: multiplied by it")
    if layout.preamble:
        remarks.add("preamble", f"the first {layout.preamble} lines are no table: left out")
    if odd:
        remarks.add("odd_rows", f"rows with another number of fields left out: {named(pd.DataFrame({'row': odd}))}")
    bars = _bars(path, _without_actions(_dated(path, long, remarks), remarks), remarks)
    if layout.shares != 1:
        bars["volume"] *= layout.shares
    if not len(bars):
        remarks.add("no_rows", "a header, and no bar below it")
    header = layout.header if layout.parts[0][0] is None else 0
    return FileBars(bars, tuple(remarks.findings), header, remarks.decimal)


class _Remarks:
    """What was decided about one file and is to be said of it, collected on the way."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.findings: list[Finding] = []
        self.decimal = "."

    def add(self, rule: str, message: str) -> None:
        """One more; nothing where there is no message."""
        if message:
            self.findings.append(about(self.path, rule, "warn", message))


def _opened(path: str, data: bytes | None) -> tuple[pd.DataFrame, Layout, list[str]]:
    """The table with its columns named by place, its layout, and the lines that do not fit it."""
    given = [name for name, of_place in (("session", day_of(path)), ("ticker", ticker_of(path))) if of_place]
    if suffix_of(path) in SHEETS:
        cells, lines = open_workbook(path)
        layout = find_layout(path, lines, given)
        return cells.iloc[layout.header :].infer_objects().reset_index(drop=True), layout, []
    if suffix_of(path).startswith((*DELIMITED, *ARCHIVE)) or not suffix_of(path):
        text = open_delimited(path, data)
        layout = find_layout(path, text.lines, given)
        table, odd = text.parse(layout.header, layout.places(texts=False), layout.places(texts=True))
        return table, layout, odd
    table = open_table(path)
    if table.columns.nlevels == 1:
        lines = [[str(name) for name in table.columns]]
    else:  # above the index there is no field
        lines = [["", *map(str, table.columns.get_level_values(level)[1:])] for level in (0, 1)]
    return table.set_axis(range(len(table.columns)), axis=1), find_layout(path, lines, given), []


def _dated(path: str, rows: pd.DataFrame, remarks: _Remarks) -> pd.DataFrame:
    """The rows with the session that the file's folder or name says, where no column does."""
    day = day_of(path)
    if "session" in rows or day is None:
        return rows
    remarks.add("date_form", f"no column of dates: taken as bars of {iso(day)}, as its place says")
    return rows.assign(session=day)


def _part(table: pd.DataFrame, part: dict[str, int], ticker: str | None) -> pd.DataFrame:
    """The columns of one ticker (or of all, in a long table) under our names."""
    columns = table[list(part.values())].set_axis(list(part), axis=1)
    if ticker is None:
        return columns
    numbers = [name for name in columns if name not in TEXTS]
    return columns[columns[numbers].notna().any(axis=1)].assign(ticker=ticker)


def _without_actions(rows: pd.DataFrame, remarks: _Remarks) -> pd.DataFrame:
    actions = action_rows(rows, [str(name) for name in rows if name not in TEXTS and rows[name].dtype == object])
    if actions.any():
        remarks.add("action_rows", f"rows that tell dividends or splits left out: {named(rows[actions])}")
        return rows[~actions]
    return rows


def _bars(path: str, rows: pd.DataFrame, remarks: _Remarks) -> pd.DataFrame:
    numbers = read_numbers({str(name): rows[name] for name in rows if name not in TEXTS})
    remarks.decimal = numbers.decimal
    remarks.add("number_form", numbers.decision)
    days = read_days(rows["session"])
    if "ticker" not in rows:
        refuse_year(path, days.days)
    remarks.add("date_form", days.decision)
    keys = {"ticker": _tickers(path, rows, remarks), "session": days.days, "source": path.rsplit("/", 1)[-1]}
    bars = pd.DataFrame(numbers.columns | keys, copy=False)
    times = rows["time"].fillna("").astype(str) if "time" in rows else days.times
    refuse_intraday(bars, times)
    if "ticker" not in rows:
        refuse_nameless(bars)
    if "currency" in rows:
        refuse_currencies(bars["ticker"], rows["currency"])
    left_out = {
        "undated_rows": (bars["session"].isna(), "rows without a date left out"),
        "live_rows": (live_rows(bars, times), "earlier states of the newest session left out"),
    }
    for rule, (marked, what) in left_out.items():
        if marked.any():
            remarks.add(rule, f"{what}: {named(rows[marked])}")
            bars = bars[~marked.reindex(bars.index)]
    return _with_factor(bars)[[*SUPPLIED, "source"]]


def _tickers(path: str, rows: pd.DataFrame, remarks: _Remarks) -> pd.Series:
    if "ticker" not in rows:
        return pd.Series(ticker_of(path), index=rows.index, dtype=object)
    tickers, messages = read_tickers(rows["ticker"])
    for message in messages:
        remarks.add("ticker_form", message)
    return tickers


def _with_factor(bars: pd.DataFrame) -> pd.DataFrame:
    """Raw prices and the factor that adjusts them, whichever way the file tells the two.

    Raises:
        BadInput: prices beside `factor` hold it already, or are to be divided by it.
    """
    if "applied_factor" in bars:
        applied = bars["applied_factor"]
        raw = {name: bars[name] / applied for name in PRICES}
        return bars.assign(**raw, volume=bars["volume"] * applied, factor=applied)
    meaning = factor_meaning(bars) if "factor" in bars else "raw"
    if meaning == "applied":
        raise BadInput(
            "prices do not move where the factor steps, so they seem to be adjusted already.",
            "Name the column applied_factor if they are, or leave it out.",
        )
    if meaning == "inverse":
        raise BadInput(
            "prices step with the factor, so they seem to be meant divided by it.", "Give 1 / factor in its place."
        )
    if "factor" not in bars and "adjusted_close" in bars:
        return bars.assign(factor=bars["adjusted_close"] / bars["close"])
    return bars if "factor" in bars else bars.assign(factor=1.0)
