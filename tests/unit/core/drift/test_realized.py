from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evergreen.core.drift import realized


def rows(seed: int, sessions: int, scale: np.ndarray, edge: dict[str, float]) -> pd.DataFrame:
    """Outcomes of two tickers whose size is `scale` by session; forecasts save `edge` of each one's error."""
    generator = np.random.default_rng(seed)
    by_ticker = []
    for ticker, share in edge.items():
        outcome = scale * generator.normal(size=sessions)
        days = pd.bdate_range("2008-01-02", periods=sessions).as_unit("us")
        by_ticker.append(
            pd.DataFrame({"ticker": ticker, "session": days, "outcome": outcome, "forecast": share * outcome})
        )
    return pd.concat(by_ticker, ignore_index=True)


def record(seed: int = 1) -> pd.DataFrame:
    scale = np.repeat([0.005, 0.01, 0.02], 60)
    outcomes = rows(seed, 180, scale, {"A": 0.5, "B": 0.5}).rename(columns={"outcome": "label"})
    return outcomes.assign(lower=-0.02, upper=0.02)


def test_realized__gain_by_ticker_is_the_error_saved() -> None:
    served = rows(2, 40, np.full(40, 0.01), {"A": 0.5, "B": -0.5})
    measured = realized(served, record(), served.assign(lower=-1.0, upper=1.0))
    assert measured.by_ticker.loc["A", "gain"] == pytest.approx(1 - 0.5**2)
    assert measured.by_ticker.loc["B", "gain"] == pytest.approx(1 - 1.5**2)
    assert measured.by_ticker["record"].tolist() == pytest.approx([0.75, 0.75])
    assert measured.by_ticker["sessions"].tolist() == [40, 40]


def test_realized__regimes_are_thirds_of_the_record() -> None:
    wild = rows(3, 30, np.full(30, 0.05), {"A": 0.5, "B": 0.5})
    measured = realized(wild, record(), wild.assign(lower=-1.0, upper=1.0))
    assert measured.by_regime.loc["wild", "sessions"] >= 25
    assert measured.by_regime["sessions"].sum() == 30
    promised = realized(record().rename(columns={"label": "outcome"}), record(), wild.assign(lower=0.0, upper=0.0))
    assert promised.by_regime["sessions"].tolist() == [60, 60, 60]


def test_realized__coverage_is_that_of_the_answers() -> None:
    served = rows(4, 50, np.full(50, 0.01), {"A": 0.1, "B": 0.1})
    inside = served["outcome"].abs() <= 0.01
    measured = realized(served, record(), served.assign(lower=-0.01, upper=0.01))
    assert measured.coverage == pytest.approx(inside.mean())
    assert 0 < measured.record_coverage < 1
    assert np.isnan(realized(served, record(), served.assign(lower=0.0, upper=0.0).head(0)).coverage)
