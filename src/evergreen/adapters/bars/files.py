"""Bars from any CSV or Parquet file, in the spellings vendors use."""

from __future__ import annotations

import gzip
import re
from collections.abc import Hashable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from evergreen.core.bars.schema import REQUIRED, conform
from evergreen.errors import UnreadableFile

CSV_SUFFIXES = (".csv", ".txt", ".tsv", ".csv.gz")
PARQUET_SUFFIXES = (".parquet", ".pq")
SPELLINGS = {
    "ticker": ("ticker", "symbol", "name", "code", "instrument"),
    "session": ("session", "date", "tradingday", "tradedate", "datetime", "timestamp", "day"),
    "open": ("open", "openprice", "o"),
    "high": ("high", "highprice", "h"),
    "low": ("low", "lowprice", "l"),
    "close": ("close", "closelast", "closeprice", "last", "c"),
    "volume": ("volume", "vol", "v"),
    "factor": ("factor", "adjfactor", "adjustmentfactor"),
    "adjusted_close": ("adjclose", "adjustedclose", "closeadj"),
}
_ABSENT = ["", "null", "NULL", "nan", "NaN", "N/A", "n/a", "None", "-"]
_TEXT = ("ticker", "session")
_SEPARATORS = (",", ";", "\t", "|")
_PAGES = (b"<!doctype", b"<html", b"<?xml", b"{", b"[")
_DATES = {r"\d{4}-\d{2}-\d{2}": "%Y-%m-%d", r"\d{8}$": "%Y%m%d", r"\d{1,2}/\d{1,2}/\d{4}$": "%m/%d/%Y"}
_HINT = "A file of bars has a header and columns for date, open, high, low, close and volume."


def read_any(path: Path) -> pd.DataFrame:
    """The bars in the file `path`, conformed; the file's name is the ticker when no column says it.

    CSV (comma, semicolon, tab or bar; `$` and thousands separators allowed) or Parquet, rows in any order.
    Dates are ISO, `YYYYMMDD` or American `MM/DD/YYYY`. `factor` comes from a column of that name, else from
    the adjusted close over the close, else it is 1.0. What is no number becomes NaN, for validation to find.

    Raises:
        UnreadableFile: no such file, not what its name says, an error page, or columns missing.
    """
    path = Path(path)
    table = _parquet(path) if path.name.lower().endswith(PARQUET_SUFFIXES) else _csv(path)
    names = _names(list(table.columns), path)
    bars = pd.DataFrame(
        {name: table[column] if name in _TEXT else _numbers(table[column]) for name, column in names.items()}
    )
    if "ticker" not in bars:
        bars["ticker"] = ticker_of(path)
    if "factor" not in bars and "adjusted_close" in bars:
        bars["factor"] = bars["adjusted_close"] / bars["close"]
    return conform(bars.assign(session=_days(bars["session"], path), source=path.name))


def bar_files(folder: Path) -> list[Path]:
    """The files of `folder` (or `folder` itself, if it is one) that may hold bars, by name."""
    if folder.is_file():
        return [folder]
    suffixes = (*CSV_SUFFIXES, *PARQUET_SUFFIXES)
    return sorted(path for path in folder.glob("*") if path.name.lower().endswith(suffixes) and path.is_file())


def _parquet(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UnreadableFile(f"{path} cannot be read as Parquet: {_first_line(error)}.", _HINT) from None
    return table if isinstance(table.index, pd.RangeIndex) else table.reset_index()


def _csv(path: Path) -> pd.DataFrame:
    try:
        head = _head(path)
        first = head.decode("utf-8-sig", errors="replace").splitlines()[:1]
        if not first or head.lstrip().lower().startswith(_PAGES):
            raise UnreadableFile(f"{path} holds {'a page or message' if first else 'nothing'}, not bars.", _HINT)
        separator = max(_SEPARATORS, key=first[0].count)
        names = _names([name.strip(' "') for name in first[0].split(separator)], path)
        return _typed_csv(path, separator, names)
    except (OSError, EOFError, ValueError) as error:  # pandas' parser errors are ValueErrors
        raise UnreadableFile(f"{path} cannot be read as CSV: {_first_line(error)}.", _HINT) from None


def _typed_csv(path: Path, separator: str, names: dict[str, str]) -> pd.DataFrame:
    """Tickers and dates stay text (there are tickers NA and TRUE); only numbers may be absent."""
    texts: dict[Hashable, type[str]] = {names[name]: str for name in _TEXT if name in names}
    absent = {column: _ABSENT for name, column in names.items() if name not in _TEXT}
    return pd.read_csv(
        path,
        sep=separator,
        dtype=texts,
        keep_default_na=False,
        na_values=absent,
        encoding="utf-8-sig",
        skipinitialspace=True,
    ).rename(columns=lambda column: column.strip())


def _head(path: Path) -> bytes:
    if path.name.lower().endswith(".gz"):
        with gzip.open(path) as packed:
            return packed.read(4096)
    with path.open("rb") as file:
        return file.read(4096)


def _names(columns: list[str], path: Path) -> dict[str, str]:
    """Our name for each column of the file that we know, by the first spelling it has."""
    spelled = {re.sub(r"[^a-z]", "", str(column).lower()): column for column in reversed(columns)}
    names = {
        name: next(spelled[spelling] for spelling in spellings if spelling in spelled)
        for name, spellings in SPELLINGS.items()
        if any(spelling in spelled for spelling in spellings)
    }
    missing = [name for name in REQUIRED if name not in names and name != "ticker"]
    if missing:
        present = ", ".join(str(column)[:30] for column in columns[:12])
        raise UnreadableFile(f"{path} has no column for {', '.join(missing)} (it has: {present}).", _HINT)
    return names


def _numbers(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.astype(np.float64)
    plain = column.astype(str).str.replace(r"[$,\s]", "", regex=True)
    return pd.to_numeric(plain, errors="coerce").astype(np.float64)


def _days(column: pd.Series, path: Path) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(column.dtype) or not len(column):
        return pd.to_datetime(column)
    text = column.astype(str).str.strip()
    written = next((form for pattern, form in _DATES.items() if re.match(pattern, text.iloc[0])), None)
    days = pd.to_datetime(text.str[:10], format=written, errors="coerce") if written else pd.Series(dtype="M8[us]")
    if not days.notna().any():
        raise UnreadableFile(f"{path} has dates such as {text.iloc[0]!r}.", "Write them as YYYY-MM-DD.")
    return days


def ticker_of(path: Path) -> str:
    """The ticker that the name of a file says."""
    suffixes = (*CSV_SUFFIXES, *PARQUET_SUFFIXES)
    longest = max((suffix for suffix in suffixes if path.name.lower().endswith(suffix)), key=len, default="")
    return path.name[: len(path.name) - len(longest)].upper()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
