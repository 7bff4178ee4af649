from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evergreen.core.bars.schema import COLUMNS
from evergreen.core.market import Drift, planted_signal, simulate
from evergreen.core.quality import check
from evergreen.errors import BadInput


def returns(bars: pd.DataFrame) -> pd.DataFrame:
    closes = bars.pivot(index="session", columns="ticker", values="close")
    return pd.DataFrame(np.log(closes)).diff()


def signal_ic(bars: pd.DataFrame) -> pd.Series:
    """Cross-sectional correlation of the planted signal with the next session's return."""
    signal = planted_signal(bars).unstack("ticker")
    return signal.corrwith(returns(bars).shift(-1), axis=1).dropna()


def test_simulate__gives_believable_bars_and_equal_ones_for_equal_seeds() -> None:
    bars = simulate(12, 400, seed=3)
    assert tuple(bars.columns) == COLUMNS and len(bars) == 12 * 400
    assert check(bars, pd.DatetimeIndex(bars["session"].unique())) == []
    pd.testing.assert_frame_equal(simulate(12, 400, seed=3), bars)
    assert not np.allclose(simulate(12, 400, seed=4)["close"], bars["close"])


def test_simulate__has_fat_tails_lasting_volatility_and_a_common_factor() -> None:
    moves = returns(simulate(40, 1500, seed=1)).dropna()
    assert moves.kurt().median() > 2
    assert moves.abs().apply(lambda move: move.autocorr(10)).mean() > 0.05
    assert 0.12 < moves.corr().to_numpy()[np.triu_indices(40, 1)].mean() < 0.4
    assert 0.15 < moves.std().median() * np.sqrt(252) < 0.6


@pytest.mark.parametrize("ic", [0.0, 0.03, 0.10])
def test_simulate__plants_exactly_the_ic_it_was_asked_for(ic: float) -> None:
    ics = signal_ic(simulate(60, 1000, seed=5, ic=ic))
    assert abs(ics.mean() - ic) < 4 * ics.std() / np.sqrt(len(ics))


def test_simulate__changes_what_drift_says_from_its_session_on_and_nothing_before() -> None:
    calm = simulate(30, 1200, seed=2, ic=0.1)
    days = pd.DatetimeIndex(calm["session"].unique())
    for kind in ("mean", "spread", "dependence", "sign"):
        moved = simulate(30, 1200, seed=2, ic=0.1, drift=Drift(kind, days[600], 1.0))
        pd.testing.assert_frame_equal(moved[moved["session"] < days[600]], calm[calm["session"] < days[600]])
        by_count = simulate(30, 1200, seed=2, ic=0.1, drift=Drift(kind, 600, 1.0))
        pd.testing.assert_frame_equal(by_count, moved)
        late_calm, late = returns(calm).iloc[600:], returns(moved).iloc[600:]
        if kind == "mean":
            np.testing.assert_allclose((late - late_calm).mean().mean(), 0.016, rtol=0.05)
        if kind == "spread":
            np.testing.assert_allclose(late.std().mean() / late_calm.std().mean(), 2, rtol=0.05)
        if kind == "dependence":
            assert late.corr().mean().mean() > late_calm.corr().mean().mean() + 0.15
        if kind == "sign":
            assert signal_ic(moved).iloc[600:].mean() < -0.07


def test_simulate__an_edge_that_decays_halves_as_often_as_it_is_told() -> None:
    calm, fading = (simulate(60, 1500, seed=4, ic=0.2, drift=each) for each in (None, Drift("decay", 500, 1.0)))
    days = pd.DatetimeIndex(calm["session"].unique())
    pd.testing.assert_frame_equal(fading[fading["session"] < days[500]], calm[calm["session"] < days[500]])
    ics = signal_ic(fading)
    assert ics.iloc[:490].mean() == pytest.approx(0.2, abs=0.02)
    assert ics.loc[days[752] : days[1004]].mean() == pytest.approx(0.2 * 0.5**1.5, abs=0.025)


def test_simulate__refuses_an_empty_market() -> None:
    for tickers, sessions, ic in ((0, 5, 0.0), (5, 0, 0.0), (5, 5, 1.0)):
        with pytest.raises(BadInput, match="cannot simulate"):
            simulate(tickers, sessions, seed=1, ic=ic)
