"""Bars of the packaged sample, for notebooks that no flow stands around."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from evergreen.adapters.bars import SampleSource
from evergreen.core.bars.calendar import Calendar

FIRST_SESSION = pd.Timestamp("2000-03-01")  # of the sample


def sample_bars(as_of: pd.Timestamp, tickers: Sequence[str]) -> pd.DataFrame:
    """The bars as the source delivers them, defects included, up to and including session `as_of`."""
    return SampleSource().fetch(list(tickers), FIRST_SESSION, as_of)


def accepted_sample_bars(as_of: pd.Timestamp, tickers: Sequence[str]) -> pd.DataFrame:
    """The bars of `sample_bars` that a backfill takes in: those with a finding that blocks are left out."""
    from evergreen.core.quality import check, split

    delivery = sample_bars(as_of, tickers)
    return split(delivery, check(delivery, Calendar(SampleSource().calendar).sessions(FIRST_SESSION, as_of)))[0]
