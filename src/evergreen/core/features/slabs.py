"""A long history in slabs of sessions, so that the memory its features take is bounded."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd


def slabs(sessions: pd.DatetimeIndex, most: int) -> Iterator[tuple[pd.Timestamp, pd.Timestamp]]:
    """First and last session of runs of whole months that hold at most `most` sessions, in order.

    A month is never parted, however many sessions it has, and no run reaches over the end of a year: features are
    stored by year, and merged by month.
    """
    for _, year in pd.Series(sessions).groupby(sessions.year):
        months = [month for _, month in year.groupby(year.dt.month)]
        run = months[:1]
        for month in months[1:]:
            if sum(map(len, run)) + len(month) > most:
                yield run[0].iloc[0], run[-1].iloc[-1]
                run = []
            run.append(month)
        yield run[0].iloc[0], run[-1].iloc[-1]
