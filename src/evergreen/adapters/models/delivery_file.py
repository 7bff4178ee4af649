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
from evergreen.errors import BadInput, Unavailable, UnreadableFile

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
        UnreadableFile: nothing does, or there is no way to it.
        Unavailable: it does not answer.
    """
    try:
        with fsspec.open(place, "rb") as file:
            return bytes(file.read())
    except (FileNotFoundError, IsADirectoryError, PermissionError, ImportError, ValueError) as error:
        raise UnreadableFile(f"{place} cannot be read: {_first_line(error)}.", HINT) from None
    except (OSError, aiohttp.ClientError) as error:
        raise Unavailable(f"{place} does not answer: {_first_line(error)}.", "Look at the address.") from None


def table_of(content: bytes, place: str) -> pd.DataFrame:
    """The table in a file: Parquet where it begins as such, else CSV, as text.

    Raises:
        UnreadableFile: it is neither.
    """
    try:
        if content.startswith(b"PAR1"):
            return pd.read_parquet(io.BytesIO(content)).reset_index()
        return pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, skipinitialspace=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UnreadableFile(f"{place} is no table: {_first_line(error)}.", HINT) from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
