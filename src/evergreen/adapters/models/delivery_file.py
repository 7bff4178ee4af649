"""Files of forecasts wherever fsspec reaches: a path, a bucket, a web address."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path, PurePath

import aiohttp
import fsspec
import pandas as pd
import pyarrow as pa

from evergreen.core.addresses import names_in, require_no_secret
from evergreen.core.model.deliveries import HINT
from evergreen.errors import UnreadableFile, unreachable

ADDRESS = re.compile(r"^\w+:(//|:)")


def address_of(place: str) -> str:
    """The place as it is kept: an address as it is, a path from the root.

    Raises:
        BadSetting: it carries a secret, which would stay on record.
    """
    if not ADDRESS.match(place):
        return str(Path(place).resolve())
    require_no_secret(place, "forecasts")
    return place


def name_of(address: str) -> str:
    """What the file is called."""
    return PurePath(address.partition("?")[0]).name or "delivery"


def fetch(place: str) -> bytes:
    """What lies there now; $NAMES in the query of a web address are read from the environment.

    Raises:
        UnreadableFile: nothing does, there is no way to it, it does not answer, or a name is not set here.
    """
    names = names_in(place)
    if absent := [name for name in names if name not in os.environ]:
        raise UnreadableFile(f"{place} names {absent[0]}, which is not set here.", "Set it wherever flows run.")
    try:
        with fsspec.open(os.path.expandvars(place) if names else place, "rb") as file:
            return bytes(file.read())
    except unreachable(ImportError, ValueError, aiohttp.ClientError) as error:
        cause = error.__cause__ or error
        reason = type(cause).__name__ if names else _first_line(cause)  # which would repeat what the names stand for
        raise UnreadableFile(f"{place} cannot be read: {reason}.", HINT) from None


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
