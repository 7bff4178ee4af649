"""What a task's run is called."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from evergreen.market_data.delivery import Delivery
from tasks.decorators import effect, name_run

DELIVERY = Delivery("sample", "2008-09-15", "2008-09-16", 4, 4, 0, 0, False, (), "")
DAY = pd.Timestamp("2008-10-31")


def settle_outcomes(as_of: pd.Timestamp) -> None:
    return None


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"as_of": DAY}, "settle outcomes 2008-10-31"),
        ({"session": DAY, "served": pd.DataFrame()}, "settle outcomes 2008-10-31"),
        ({"first": pd.Timestamp("2000-01-03"), "last": DAY}, "settle outcomes 2008-10-31"),
        ({"delivery": DELIVERY}, "settle outcomes 2008-09-16"),
        ({}, "settle outcomes"),
        ({"as_of": None}, "settle outcomes"),
    ],
)
def test_name_run__says_what_and_for_which_session(parameters: dict[str, Any], name: str) -> None:
    assert name_run(settle_outcomes)(parameters=parameters) == name


def test_effect__gives_its_runs_that_name() -> None:
    named = effect(settle_outcomes).task_run_name
    assert callable(named) and named(parameters={"as_of": DAY}) == "settle outcomes 2008-10-31"
