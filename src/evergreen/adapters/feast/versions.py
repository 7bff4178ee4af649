"""The versions of feature rows that were ever stored, and when each became known."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from evergreen.adapters.feast import files, online
from evergreen.core.features import FEATURE_NAMES


def stored_versions(root: Path, tickers: Collection[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    """All versions of the 158 features of `tickers` below `root`, for sessions that closed in [first, last] (UTC).

    Returns:
        Columns ticker, event_timestamp, created (when the version became known, UTC) and the features, float32.

    Raises:
        NotFound: no features were ever written there.
    """
    rows = files.read(root / online.FACTORS, [*files.KEYS, *FEATURE_NAMES], first, last).to_pandas()
    chosen: pd.DataFrame = rows[rows["ticker"].isin(tickers)]
    return chosen.astype(dict.fromkeys(FEATURE_NAMES, "float32"))
