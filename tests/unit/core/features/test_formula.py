"""The words in which the 158 are written down are a language that computes them."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from evergreen.core.features import FACTORS, Factor, alpha158, compute_features, from_formula
from evergreen.core.market import simulate
from evergreen.errors import BadInput

BARS = simulate(3, 90, seed=5)
KNOWN_FROM = 62  # sessions: from here on every window is full


@pytest.fixture(scope="module")
def alpha() -> pd.DataFrame:
    return alpha158(BARS)


def distinct() -> list[Factor]:
    """One factor of each family, of the shortest window that there is."""
    families = {re.sub(r"\d+$", "", factor.name): factor for factor in reversed(FACTORS)}
    return list(families.values())


@pytest.mark.parametrize("factor", distinct(), ids=lambda factor: factor.name)
def test_formula__of_each_family_computes_what_the_family_is(factor: Factor, alpha: pd.DataFrame) -> None:
    written = from_formula("WRITTEN", factor.formula)
    assert written.lookback == factor.lookback
    values = compute_features(BARS, [written])["WRITTEN"]
    late = values.index.get_level_values("session") >= sorted(BARS["session"].unique())[KNOWN_FROM]
    known = alpha.loc[late, factor.name]
    assert np.allclose(values[late], known, rtol=2e-3, atol=2e-4, equal_nan=True)


@pytest.mark.parametrize(
    "formula",
    [
        "__import__('os').system('true')",
        "close.values",
        "[close for x in close]",
        "close if open else high",
        "close ** 2",
        "lambda: close",
        "price / close",
        "mean(close)",
        "mean(close, 0)",
        "mean(close, 1000)",
        "mean(close, volume)",
        "ref(close, -1) / close",
        "mean(close, d=5)",
        "close < open < high",
        "True + close",
        "1 + 2",
        "close +",
        "close" + " + close" * 200,
        "(" * 300 + "close" + ")" * 300,
    ],
)
def test_formula__with_anything_else_in_it_is_refused_in_a_sentence(formula: str) -> None:
    with pytest.raises(BadInput):
        from_formula("ODD", formula)


def test_formula__reads_as_many_sessions_as_its_windows_together() -> None:
    assert from_formula("A", "mean(ref(close, 20), 5) / close").lookback == 25
    assert from_formula("B", "corr(close / ref(close, 1), volume, 10)").lookback == 11


def test_formula__another_one_is_another_view() -> None:
    views = {from_formula("SAME", formula).view for formula in ("open / close", "low / close")}
    assert len(views) == 2
