"""Refused bars on disk: one Parquet file a case, named by what is in it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from evergreen.adapters.bars.parquet import SCHEMA, write_bars
from evergreen.core.bars.schema import KEYS, NUMBERS
from evergreen.errors import Broken

HELD = SCHEMA.append(pa.field("restates", pa.bool_()))
ID_LENGTH = 12  # hexadecimal digits: a million cases meet by chance once in 500 stores; short enough to type


class HeldBars:
    """Files of refused bars in `folder`; a file is never changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def keep(self, bars: pd.DataFrame) -> str:
        """Write the bars of one case down and return its id: equal bars of one source have one id.

        Args:
            bars: `core.bars.COLUMNS`, and `restates`: whether the store had a bar of that ticker and session.
        """
        case_id = _identity(bars)
        path = self._path(case_id)
        if not path.exists():
            write_bars(path, bars, self.folder / ".aside", HELD)
        return case_id

    def read(self, case_id: str) -> pd.DataFrame:
        """The bars of a case, as they were kept.

        Raises:
            Broken: the file is gone or damaged.
        """
        path = self._path(case_id)
        try:
            return pd.DataFrame(pq.read_table(path, schema=HELD).to_pandas())
        except (pa.ArrowException, OSError) as error:
            raise Broken(f"the bars of case {case_id} cannot be read: {error}.", f"Restore {path}.") from None

    def _path(self, case_id: str) -> Path:
        return self.folder / f"{case_id}.parquet"


def _identity(bars: pd.DataFrame) -> str:
    text = bars[[*KEYS, *NUMBERS, "source"]].to_csv(index=False, date_format="%Y-%m-%d")
    return hashlib.sha256(text.encode()).hexdigest()[:ID_LENGTH]
