from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evergreen.core.canary.instance import difference_from

FORECASTS = pd.Series([0.001, -0.002, 0.0005, 0.003], index=["AAPL", "GOOG", "IBM", "MSFT"])


def test_difference__equal_to_the_bit_is_none_in_any_order() -> None:
    assert difference_from(FORECASTS, FORECASTS.iloc[::-1]) == ""
    nothing = FORECASTS.where(FORECASTS > 0)
    assert difference_from(nothing, nothing) == ""


def test_difference__one_last_bit_is_one() -> None:
    served = FORECASTS.where(FORECASTS.index != "IBM", np.nextafter(0.0005, 1))
    assert difference_from(served, FORECASTS).startswith("1 of 4 forecasts are not those of its file")


@pytest.mark.parametrize(
    ("served", "likeness"),
    [
        (pd.Series(np.roll(FORECASTS, 1), FORECASTS.index), "under other tickers"),
        (-FORECASTS, "-1 times what was computed"),
        (3 * FORECASTS, "3 times what was computed"),
        (0 * FORECASTS, "one and the same number"),
        (FORECASTS.drop("IBM"), "not at all"),
        (FORECASTS.where(FORECASTS.index != "MSFT", 0.013), "differ by up to 0.01"),
    ],
)
def test_difference__says_what_it_looks_like(served: pd.Series, likeness: str) -> None:
    assert likeness in difference_from(served, FORECASTS)


def test_difference__a_ticker_without_bars_is_named() -> None:
    sentence = difference_from(FORECASTS, FORECASTS.drop("GOOG"))
    assert "GOOG" in sentence and "no bar" in sentence
