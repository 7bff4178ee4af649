from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evergreen.core.drift import make_grid, session_counts
from evergreen.errors import BadInput, NotFound
from evergreen.research.drift_looks import calibrated, looks_after
from evergreen.research.records import newest_check, walk_forward_record
from evergreen.settings import Settings


@pytest.fixture(scope="module")
def features() -> pd.DataFrame:
    days = pd.bdate_range("2010-01-01", periods=420, name="session")
    index = pd.MultiIndex.from_product([["A", "B", "C"], days], names=["ticker", "session"])
    values = np.random.default_rng(2).normal(size=(len(index), 4)).astype(np.float32)
    return pd.DataFrame(values, index=index, columns=list("abcd"))


def test_looks_after__are_one_a_week_and_a_span_without_a_week_is_told(features):
    day = features.index.get_level_values("session")
    history = features[day <= "2011-07-01"]
    grid = make_grid(history)
    calibration, counts = calibrated(history, grid), session_counts(features, grid)
    looks = looks_after(calibration, counts, "2011-07-01")
    assert len(looks) == (day.unique() > pd.Timestamp("2011-07-01")).sum() // 5
    with pytest.raises(BadInput, match="0 sessions came after 2020-01-01, no week"):
        looks_after(calibration, counts, "2020-01-01")
    with pytest.raises(BadInput, match="Too little history to judge drift: 3 sessions"):
        calibrated(features[day <= "2010-01-05"], grid)


def test_records__what_is_not_there_is_told(tmp_path):
    with pytest.raises(NotFound, match="no drift of version 99 was looked for yet"):
        newest_check([], "99")
    with pytest.raises(NotFound, match="no walk-forward record of a version without a name"):
        walk_forward_record(Settings(home=tmp_path), "")
