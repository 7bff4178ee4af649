"""Files of forecasts wherever fsspec reaches: a path, a bucket, a web address."""

from __future__ import annotations

import io
import re
from pathlib import Path

import aiohttp
import fsspec
import pandas as pd
import pyarrow as pa

from evergreen.core.model.deliveries import HINT
from evergreen.errors import BadInput, UnreadableFile, unreachable

ADDRESS = re.compile(r"^\w+:(//|:)")


def address_of(place: str) -> str:
    """The place as it is kept: an address as it is, a path from the root.

    Raises:
        BadInput: it carries a password, which would stay on record.
    """
    if not ADDRESS.match(place):
        return str(Path(place).resolve())
    if re.search(r"//[^/]*@", place):
        raise BadInput("the address of the forecasts carries an account.", "Put it into fsspec's configuration.")
    return place


def fetch(place: str) -> bytes:
    """What lies there now.

    Raises:
        UnreadableFile: nothing does, there is no way to it, or it does not answer.
    """
    try:
        with fsspec.open(place, "rb") as file:
            return bytes(file.read())
    except unreachable(ImportError, ValueError, aiohttp.ClientError) as error:
        raise UnreadableFile(f"{place} cannot be read: {_first_line(error.__cause__ or error)}.", HINT) from None


def table_of(content: bytes, place: str) -> pd.DataFrame:
    """The table in a file: Parquet where it begins as such, else CSV, as text.

    Raises:
        UnreadableFile: it is neither.
    """
    try:
        if content.startswith(b"PAR1"):
            return pd.read_parquet(io.BytesIO(content)).reset_index()
        lines = pd.read_csv(io.BytesIO(content), header=None, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UnreadableFile(f"{place} is no table: {_first_line(error)}.", HINT) from None
    # pandas' own header would call a second column of a name otherwise, and shift lines that end in a comma
    return lines.iloc[1:].set_axis(lines.iloc[0].str.strip().rename(None), axis=1).reset_index(drop=True)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
