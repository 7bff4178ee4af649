"""Bars of the packaged sample, for notebooks that no flow stands around."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from evergreen.adapters.bars import SampleSource
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.session import Session, iso
from evergreen.errors import NoBars

FIRST_SESSION = pd.Timestamp("2000-03-01")  # of the sample


def sample_bars(as_of: Session, tickers: Sequence[str]) -> pd.DataFrame:
    """The bars as the source delivers them, defects included, up to and including session `as_of`.

    Raises:
        BadInput: no session.
        NoBars: none until then, or none of a ticker.
    """
    bars = SampleSource().fetch(list(tickers), FIRST_SESSION, pd.Timestamp(iso(as_of)))
    require_bars(bars, tickers, "sample")
    return bars


def accepted_sample_bars(as_of: Session, tickers: Sequence[str]) -> pd.DataFrame:
    """The bars of `sample_bars` that a backfill takes in: those with a finding that blocks are left out."""
    from evergreen.core.quality import check, split

    delivery, until = sample_bars(as_of, tickers), pd.Timestamp(iso(as_of))
    return split(delivery, check(delivery, Calendar(SampleSource().calendar).sessions(FIRST_SESSION, until)))[0]


def require_bars(bars: pd.DataFrame, tickers: Sequence[str], where: str) -> None:
    """Pass if there are bars, and some of each ticker that was asked for.

    Raises:
        NoBars: there are not.
    """
    absent = sorted({*tickers} - {*bars["ticker"]})
    if absent or bars.empty:
        of = f" of {', '.join(absent)}" if absent else ""
        raise NoBars(f"{where} has no bars{of}.", "Look at tickers and as_of.")
