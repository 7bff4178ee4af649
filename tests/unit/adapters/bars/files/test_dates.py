"""Which day, and which time of day, the rows of a file are about."""

from __future__ import annotations

import pandas as pd
import pytest

from evergreen.adapters.bars.files.dates import read_days

MOMENTS = ["2020-01-02 09:30:05", "2020-01-02", None, "2020-01-03 23:59:59.5", "2020-01-02 09:30:05"]


@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_read_days__of_timestamps_are_their_days_and_the_times_that_pandas_writes(zone: str | None) -> None:
    local = pd.Series(pd.to_datetime(MOMENTS, format="ISO8601"))
    days = read_days(local if zone is None else local.dt.tz_localize(zone))
    pd.testing.assert_series_equal(days.days, local.dt.normalize())
    pd.testing.assert_series_equal(days.times, local.dt.strftime("%H:%M:%S"))
