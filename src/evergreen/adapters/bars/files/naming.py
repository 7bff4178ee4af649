"""Step five: whose bars they are."""

from __future__ import annotations

import re
from pathlib import PurePath
from urllib.parse import unquote

import numpy as np
import pandas as pd

from evergreen.adapters.bars.files.opening import suffix_of
from evergreen.adapters.bars.files.spellings import SPELLINGS, plain
from evergreen.core.printable import printable
from evergreen.errors import BadInput

_DAY = re.compile(r"(\d{4})[-_.]?(\d{2})[-_.]?(\d{2})(?!\d)")


def ticker_of(path: object) -> str:
    """The ticker that a file's folder (`ticker=AAPL`) or name says."""
    name = _from_folders(path, "ticker") or _stem(path)
    return printable(name.strip()).upper()


def day_of(path: object) -> pd.Timestamp | None:
    """The day that a file's folder (`date=2018-02-07`) or name says, the last date in it."""
    dates = _DAY.findall(_from_folders(path, "session") or _stem(path))
    try:
        return pd.Timestamp("-".join(dates[-1])).as_unit("us") if dates else None
    except ValueError:
        return None


def _from_folders(path: object, column: str) -> str:
    """What the folders above a file (`ticker=BRK%2EB/year=2018`) say of a column; empty where they say nothing."""
    for part in reversed(PurePath(str(path)).parts[:-1]):
        name, _, value = part.partition("=")
        if value and plain(name) in SPELLINGS[column]:
            return unquote(value)
    return ""


def _stem(path: object) -> str:
    name = PurePath(str(path)).name
    return name[: len(name) - len(suffix_of(name))]


def refuse_year(path: object, days: pd.Series) -> None:
    """Refuse to take a file for the ticker it is called if that is a year, or a day, and all its bars are of it.

    Raises:
        BadInput: it is.
    """
    name = _stem(path)
    if re.fullmatch(r"(19|20)\d\d|\d{4}-?\d{2}(-?\d{2})?", name) and (days.dt.year.dropna() == int(name[:4])).all():
        raise BadInput(f"nothing says whose bars these are: {name} is when they are of.", "Add a column `ticker`.")


def read_tickers(column: pd.Series) -> tuple[pd.Series, list[str]]:
    """The tickers as text, trimmed and in capitals, and a sentence for each matter a person should look at."""
    codes, distinct = pd.factorize(column.astype(object), use_na_sentinel=False)
    folded = np.empty(len(distinct), dtype=object)
    spelled: dict[str, dict[str, None]] = {}
    for place, text in enumerate(map(_as_text, distinct)):
        folded[place] = printable(text.strip().strip("\"'").strip()).upper()
        spelled.setdefault(folded[place], {})[text] = None
    remarks = [
        f"{ticker} is spelled {', '.join(map(repr, spellings))}: read as one"
        for ticker, spellings in sorted(spelled.items())
        if len(spellings) > 1
    ]
    digits = [ticker for ticker in spelled if ticker.isdecimal()]
    if len({len(ticker) for ticker in digits}) > 1:
        shortest, longest = min(digits, key=len), max(digits, key=len)
        remarks.append(f"codes such as {shortest} and {longest} may have lost leading zeros: write them as text")
    return pd.Series(folded[codes], index=column.index, dtype=object), remarks


def _as_text(value: object) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.0f}" if value.is_integer() else str(value)
    return "" if value is None or value is pd.NA else str(value)
