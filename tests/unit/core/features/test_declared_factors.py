from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evergreen.core.features import FEATURE_NAMES, AdjustedBars, alpha158, compute_features, factor, lookback_of
from evergreen.errors import BadInput

SESSIONS = pd.bdate_range("2021-01-04", periods=90).as_unit("us")


@factor(lookback=21)
def MOM20(bars: AdjustedBars) -> pd.DataFrame:
    """close / ref(close, 20) - 1"""
    return bars.close / bars.close.shift(20) - 1


SPREAD = factor(5, "SPREAD5", "mean(high / low - 1, 5)")(lambda bars: (bars.high / bars.low - 1).rolling(5).mean())


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, (3, 90)), axis=1)).ravel()
    frame = pd.DataFrame(
        {
            "ticker": np.repeat(list("ABC"), 90),
            "session": np.tile(SESSIONS, 3),
            "open": close * 1.001,
            "high": close * 1.01,
            "low": close * 0.99,
            "close": close,
            "volume": rng.integers(1, 10**6, 270).astype(float),
            "factor": np.repeat([1.0, 0.25, 0.5], 90),
        }
    )
    return frame.drop(index=[40, 130]).sample(frac=1, random_state=1)


def test_factor__takes_its_name_and_formula_from_the_declaration() -> None:
    assert (MOM20.name, MOM20.formula, MOM20.lookback) == ("MOM20", "close / ref(close, 20) - 1", 21)
    assert (SPREAD.name, SPREAD.formula) == ("SPREAD5", "mean(high / low - 1, 5)")
    assert lookback_of([MOM20]) == 61 and lookback_of([factor(250, "SLOW")(lambda bars: bars.close)]) == 250


def test_compute_features__adds_a_column_for_each_declared_factor(bars: pd.DataFrame) -> None:
    before = bars.copy()
    features = compute_features(bars, [MOM20, SPREAD], SESSIONS)
    assert tuple(features.columns) == (*FEATURE_NAMES, "MOM20", "SPREAD5")
    pd.testing.assert_frame_equal(features[list(FEATURE_NAMES)], alpha158(bars, SESSIONS))
    pd.testing.assert_frame_equal(bars, before)
    own = bars[bars["ticker"] == "A"].set_index("session")["close"].reindex(SESSIONS)
    expected = (own / own.shift(20) - 1).dropna().astype("float32")
    np.testing.assert_allclose(features.loc["A", "MOM20"].dropna(), expected, rtol=1e-6)
    assert (
        features["MOM20"].dtype == np.float32
        and features.loc[("A", SESSIONS[60]), "MOM20"] != features.loc["A"].MOM20.iloc[0]
    )
    assert np.isnan(features.loc[("A", SESSIONS[60]), "MOM20"])  # 20 sessions earlier A was halted


def test_compute_features__one_session_from_its_lookback_equals_the_batch(bars: pd.DataFrame) -> None:
    tail = bars[bars["session"] >= SESSIONS[-61]]
    alone = compute_features(tail, [MOM20, SPREAD], SESSIONS, since=SESSIONS[-1])
    whole = compute_features(bars, [MOM20, SPREAD], SESSIONS).loc[alone.index]
    np.testing.assert_allclose(alone, whole, rtol=1e-6)


def test_compute_features__turns_infinities_into_missing_values(bars: pd.DataFrame) -> None:
    nothing = factor(1, "NOTHING")(lambda some: some.close / 0.0)
    assert compute_features(bars, [nothing])["NOTHING"].isna().all()


def test_view__is_another_one_when_the_definition_changes() -> None:
    again = factor(21, "MOM20")(lambda bars: bars.close / bars.close.shift(19) - 1)
    assert MOM20.view.startswith("MOM20_") and again.view.startswith("MOM20_")
    assert len({MOM20.view, again.view, factor(22, "MOM20")(MOM20.function).view}) == 3


@pytest.mark.parametrize(("lookback", "name"), [(5, "KMID"), (5, "not a name"), (0, "ZERO")])
def test_factor__refuses_a_name_that_is_taken_or_unusable_and_no_lookback(lookback: int, name: str) -> None:
    with pytest.raises(BadInput, match="a factor cannot be called"):
        factor(lookback, name)(lambda bars: bars.close)


def test_compute_features__refuses_an_answer_of_another_shape(bars: pd.DataFrame) -> None:
    with pytest.raises(BadInput, match="factor TOTAL answers with Series"):
        compute_features(bars, [factor(1, "TOTAL")(lambda some: some.close.sum())])
