"""The dated universe as a person writes it down: a CSV with columns ticker, from, to, renamed_to."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from evergreen.core.bars.listings import Listing, Listings
from evergreen.errors import BadSetting

COLUMNS = ("ticker", "from", "to", "renamed_to")


def read_listings(file: Path) -> Listings:
    """The listings that `file` tells; an empty date is an open one, and all columns but `ticker` may be absent.

    Raises:
        BadSetting: the file cannot be read, has other columns, or contradicts itself.
    """
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False)  # a company may be called NA
    except (OSError, ValueError) as error:
        raise BadSetting(f"{file} cannot be read: {error}.", "Mend the setting `listings`.") from None
    if "ticker" not in table or (strange := set(table) - set(COLUMNS)):
        wrong = f"has a column {min(map(str, strange))!r}" if "ticker" in table else "has no column 'ticker'"
        raise BadSetting(f"{file} {wrong}.", f"Its columns are {', '.join(COLUMNS)}.")
    rows = table.reindex(columns=list(COLUMNS), fill_value="").itertuples(index=False, name=None)
    return Listings([Listing(ticker, _day(file, first), _day(file, last), new) for ticker, first, last, new in rows])


def _day(file: Path, text: str) -> pd.Timestamp | None:
    if not text.strip():
        return None
    try:
        return pd.to_datetime(text.strip(), format="%Y-%m-%d")
    except ValueError:
        raise BadSetting(f"{file}: {text!r} is no date.", "Write it as 2018-02-07.") from None
