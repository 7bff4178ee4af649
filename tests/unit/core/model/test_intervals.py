from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.core.dataset.labels import forward_return
from evergreen.core.dataset.panel import labelled_panel, training_frame
from evergreen.core.model.intervals import STEP, Band, Standing, panel_scales, track, volatility
from evergreen.core.model.training import TrainingConfig, train_random_walk

TICKERS = ["AAPL", "IBM", "MSFT", "GOOG"]
YEARS = range(2001, 2013)


def coverage_by_year(horizon: int) -> pd.Series:
    """Of the random walk's intervals on the packaged sample, first fold after half a year."""
    from evergreen.adapters.bars import SampleSource

    bars = SampleSource().fetch(TICKERS, pd.Timestamp("2000-03-01"), pd.Timestamp("2013-02-28"))
    labels = forward_return(bars, horizon)
    rows = training_frame(pd.DataFrame({"nothing": np.float32(0)}, index=labels.index), labels)
    folds = (rows.dropna()["session"].nunique() - 170) // 21
    config = TrainingConfig(horizon=horizon, folds=folds, test_size=21, min_train=120, validation_size=100)
    oos = train_random_walk(rows, config).oos
    return oos["label"].between(oos["lower"], oos["upper"]).groupby(oos["session"].dt.year).mean()


def test_intervals__cover_their_share_in_every_year_of_the_sample_2008_included():
    daily = coverage_by_year(horizon=1)
    assert daily.loc[YEARS].between(0.88, 0.92).all(), daily


def test_intervals__of_a_week_cover_their_share_in_2008_too():
    weekly = coverage_by_year(horizon=5)
    assert weekly.loc[YEARS].between(0.87, 0.93).all(), weekly
    assert weekly.loc[2008] == pytest.approx(0.90, abs=0.02)


@given(st.integers(0, 10_000), st.sampled_from([0.8, 0.9, 0.95]), st.floats(0.2, 5.0))
def test_track__misses_its_tails_by_no_more_than_the_bound_whatever_the_market_does(seed, level, jump):
    rng = np.random.default_rng(seed)
    scores = np.clip(rng.standard_t(3, (200, 3)) * np.where(np.arange(200) > 100, jump, 1.0)[:, None], -9.0, 9.0)
    bands = track(list(scores), Band(-1.6, 1.6), level, horizon=1)
    above = np.mean([np.mean(row > band.high) for row, band in zip(scores, bands[:-1], strict=True)])
    assert abs(above - (1 - level) / 2) <= (9.0 + STEP) / (STEP * 200) + 1e-9
    assert bands[-1].high - 1.6 == pytest.approx(STEP * 200 * (above - (1 - level) / 2))


@pytest.mark.parametrize("horizon", [1, 5])
def test_track__a_band_knows_no_score_that_has_not_settled(horizon):
    scores = list(np.random.default_rng(2).normal(size=(40, 4)))
    changed = [*scores[:20], *(row * 9.0 for row in scores[20:])]
    before, after = (track(each, Band(-1.5, 1.5), 0.9, horizon) for each in (scores, changed))
    assert before[: 20 + horizon] == after[: 20 + horizon]
    assert before[20 + horizon] != after[20 + horizon]
    assert len(before) == 41


@pytest.mark.parametrize("horizon", [1, 5])
def test_volatility__knows_no_label_that_has_not_settled(horizon):
    labels = pd.DataFrame(np.random.default_rng(1).normal(0, 0.02, (60, 3)))
    changed = labels.copy()
    changed.iloc[30:] *= 7.0
    left, right = volatility(labels, horizon), volatility(changed, horizon)
    assert left.iloc[: 30 + horizon].equals(right.iloc[: 30 + horizon])
    assert (left.iloc[30 + horizon] < right.iloc[30 + horizon]).all()


def test_volatility__a_silent_ticker_takes_the_median_and_a_still_one_the_floor():
    labels = pd.DataFrame({"a": [0.01] * 9, "b": [0.03] * 9, "c": [np.nan] * 9, "d": [0.0] * 9})
    last = volatility(labels, 1).iloc[-1]
    assert last.to_dict() == pytest.approx({"a": 0.01, "b": 0.03, "c": 0.01, "d": 1e-4})


def test_panel_scales__are_those_of_the_wide_frame_with_gaps(training_set):
    gappy = training_set.drop(training_set.index[7::11])
    panel = labelled_panel(gappy)
    rows, last = panel_scales(panel, 2)
    wide = gappy.dropna(subset="label").pivot(index="session", columns="ticker", values="label")
    expected = volatility(wide, 2).stack()
    keys = panel.keys(2, len(panel.sessions))
    scales_of_rows = pd.Series(rows[panel.first_row[2] :], index=pd.MultiIndex.from_frame(keys[["session", "ticker"]]))
    pd.testing.assert_series_equal(scales_of_rows, expected.reindex(scales_of_rows.index), check_names=False)
    assert set(last) == set(wide.columns)


def test_standing__moves_only_the_bands_that_were_scored():
    stood = Standing("2008-09-12", {"A": 0.01, "B": 0.02}, {"1": Band(-1.6, 1.6), "2": Band(-1.5, 1.5)})
    moved = stood.after({"1": {"A": 0.05, "B": 0.0, "new": 0.5}}, stood, {"1": 0.9})
    assert moved.bands["1"].high == pytest.approx(1.6 + STEP * (0.5 - 0.05))
    assert moved.bands["1"].low == pytest.approx(-1.6 + STEP * 0.05)
    assert moved.bands["2"] == stood.bands["2"]


def test_standing__reaches_by_scale_and_knows_a_way_for_strangers():
    stands = Standing("2008-09-12", {"A": 0.01, "B": 0.02, "C": 0.04}, {"1": Band(-2.0, 1.0)})
    below, above = stands.reach(["B", "new"], "1", Band(-9.0, 9.0))
    assert (below.tolist(), above.tolist()) == ([-0.04, -0.04], [0.02, 0.02])
    assert stands.reach(["A"], "2", Band(-3.0, 3.0))[1].tolist() == pytest.approx([0.03])
