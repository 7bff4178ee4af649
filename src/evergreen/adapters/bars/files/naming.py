"""Step five: whose bars they are."""

from __future__ import annotations

import re
from pathlib import PurePath

import pandas as pd

from evergreen.adapters.bars.files.opening import suffix_of

_FOLDER = re.compile(r"(?:ticker|symbol|code|instrument)=(.+)", re.IGNORECASE)


def ticker_of(path: object) -> str:
    """The ticker that a file's folder (`ticker=AAPL`) or name says."""
    place = PurePath(str(path))
    for part in reversed(place.parts[:-1]):
        if named := _FOLDER.fullmatch(part):
            return named[1].strip().upper()
    return place.name[: len(place.name) - len(suffix_of(str(path)))].strip().upper()


def read_tickers(column: pd.Series) -> tuple[pd.Series, list[str]]:
    """The tickers as text, trimmed and in capitals, and a sentence for each matter a person should look at."""
    text = column.map(_as_text)
    codes, uniques = pd.factorize(text)
    written = pd.Series(uniques, dtype=object)
    folded = written.str.strip().str.strip("\"'").str.strip().str.upper()
    remarks = []
    for ticker, spellings in written.groupby(folded):
        if len(spellings) > 1:
            remarks.append(f"{ticker} is spelled {', '.join(map(repr, spellings))}: read as one")
    if pd.api.types.is_numeric_dtype(column.dtype) and folded.str.len().nunique() > 1:
        shortest, longest = (min(folded, key=len), max(folded, key=len))
        remarks.append(f"codes such as {shortest} and {longest} may have lost leading zeros: write them as text")
    return pd.Series(folded.to_numpy()[codes], index=column.index, dtype=object), remarks


def _as_text(value: object) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.0f}" if value.is_integer() else str(value)
    return "" if value is None or value is pd.NA else str(value)
