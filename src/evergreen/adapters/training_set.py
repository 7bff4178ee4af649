"""The training set of the packaged sample, for a notebook opened without a flow around it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from evergreen.adapters.bars import SampleSource
from evergreen.core.calendar import sessions
from evergreen.core.features import alpha158
from evergreen.core.labels import forward_return
from evergreen.core.quality import check, split
from evergreen.core.training import training_frame

FIRST_SESSION = pd.Timestamp("2000-03-01")


def sample_training_set(as_of: pd.Timestamp, horizon: int, tickers: Sequence[str]) -> pd.DataFrame:
    """Features and labels of the sample's bars up to and including session `as_of`, less those a backfill refuses.

    Labels of the last `horizon` sessions are NaN: they were not known then.

    Returns:
        The shape of `core.training.training_frame`.
    """
    source = SampleSource()
    delivery = source.fetch(list(tickers), FIRST_SESSION, as_of)
    bars, _ = split(delivery, check(delivery, sessions(source.calendar, FIRST_SESSION, as_of)))
    return training_frame(alpha158(bars), forward_return(bars, horizon))
