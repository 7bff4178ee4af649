from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evergreen.core.evaluation.backtest import long_short
from evergreen.errors import BadInput


def made_oos(forecasts: list[list[float]], labels: list[list[float]]) -> pd.DataFrame:
    days = pd.bdate_range("2010-01-04", periods=len(forecasts))
    rows = [
        (ticker, day, forecast, label)
        for day, expected, came in zip(days, forecasts, labels, strict=True)
        for ticker, forecast, label in zip("ABCD", expected, came, strict=False)
    ]
    return pd.DataFrame(rows, columns=["ticker", "session", "forecast", "label"])


def random_oos(seed: int, tickers: int = 12, sessions: int = 80, signal: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    days = pd.bdate_range("2010-01-04", periods=sessions)
    keys = pd.MultiIndex.from_product([days, [f"T{i:02d}" for i in range(tickers)]], names=["session", "ticker"])
    label = rng.normal(0, 0.02, len(keys))
    forecast = signal * np.roll(label, -tickers) + rng.normal(0, 0.02, len(keys))
    return keys.to_frame(index=False).assign(forecast=forecast, label=label)


def test_long_short__by_hand():
    up, down = np.log1p(0.04), np.log1p(-0.02)
    oos = made_oos([[3, 2, 1, 0], [3, 2, 1, 0], [0, 1, 2, 3], [0, 0, 0, 0]], [[9, 9, 9, 9]] + [[up, 0, 0, down]] * 3)
    traded = long_short(oos, k=1, cost=0.01)
    assert traded.periods["turnover"].tolist() == [1.0, 0.0, 2.0]
    assert traded.periods["gross"].tolist() == pytest.approx([0.03, 0.03, -0.03])
    assert traded.periods["net"].tolist() == pytest.approx([0.02, 0.03, -0.05])
    assert traded.equity.iloc[-1] == pytest.approx(1.02 * 1.03 * 0.95)
    assert traded.drawdown == pytest.approx(0.05)


@pytest.mark.parametrize("horizon", [1, 3])
def test_long_short__a_position_knows_nothing_of_the_session_it_is_traded_in(horizon):
    oos = random_oos(1)
    days = np.sort(oos["session"].unique())
    later = oos["session"] >= days[40]
    changed = oos.assign(forecast=oos["forecast"].where(~later, -oos["forecast"]))
    before, after = (long_short(each, horizon).periods for each in (oos, changed))
    unmoved = before.index <= days[40]
    pd.testing.assert_frame_equal(before[unmoved], after[unmoved])
    assert not before[~unmoved].equals(after[~unmoved])


def test_long_short__periods_do_not_overlap():
    periods = long_short(random_oos(2), horizon=5).periods
    days = np.sort(random_oos(2)["session"].unique())
    assert np.diff(np.searchsorted(days, periods.index)).tolist() == [5] * (len(periods) - 1)


def test_long_short__sees_a_signal_that_survives_the_wait_and_pays_its_costs():
    skilled, noise = long_short(random_oos(3, signal=1.0), cost=0.0), long_short(random_oos(3), cost=0.0)
    assert skilled.metrics()["net_lower90"] > 0 > noise.metrics()["net_lower90"]
    dear = long_short(random_oos(3, signal=1.0), cost=0.001)
    saved = skilled.metrics()["net_return"] - dear.metrics()["net_return"]
    assert saved == pytest.approx(0.001 * dear.metrics()["turnover"])


def test_long_short__equal_forecasts_hold_nothing():
    traded = long_short(random_oos(4).assign(forecast=0.0))
    assert (traded.periods == 0.0).all(axis=None) and traded.drawdown == 0.0


def test_long_short__too_few_tickers_are_refused():
    with pytest.raises(BadInput, match="4 tickers cannot hold 3 a side"):
        long_short(made_oos([[1, 2, 3, 4]] * 3, [[0] * 4] * 3), k=3)
