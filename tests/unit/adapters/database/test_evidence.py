from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sqlalchemy import Engine

from evergreen.adapters.database import evidence, predictions, reading, writing
from evergreen.adapters.database.predictions import Prediction
from evergreen.core.model.aim import NEXT_RETURN, Aim
from evergreen.errors import BadInput

SESSIONS = pd.to_datetime(["2008-09-15", "2008-09-16", "2008-09-17"]).astype("datetime64[us]")
TICKERS = [f"T{n}" for n in range(7)]


def forecasts_of(version: str, now: datetime, seed: int) -> pd.DataFrame:
    panel = pd.MultiIndex.from_product([SESSIONS, TICKERS], names=["session", "ticker"]).to_frame(index=False)
    values = np.random.default_rng(seed).normal(0, 0.01, len(panel))
    return panel.assign(version=version, value=values, feature_hash="f", made_at=pd.Timestamp(now))


def settled(now: datetime, seed: int = 0, horizon: int = 1) -> pd.DataFrame:
    values = forecasts_of("", now, seed)[["session", "ticker", "value"]]
    return values.assign(horizon=horizon, target="return", known_at=pd.Timestamp(now), data_version="d")


def recorded(engine: Engine, *, forecasts: list[pd.DataFrame], outcomes: list[pd.DataFrame]) -> None:
    with writing(engine) as conn:
        for frame in forecasts:
            evidence.record_forecasts(conn, frame)
        for frame in outcomes:
            evidence.record_outcomes(conn, frame)


def losses(engine: Engine, version: str = "1", horizon: int = 1, **between: str) -> pd.DataFrame:
    with reading(engine) as conn:
        return evidence.session_losses(conn, version, Aim("return", horizon), **between)


def paired(engine: Engine, start: str | None = None) -> pd.DataFrame:
    with reading(engine) as conn:
        return evidence.paired_losses(conn, "1", "2", NEXT_RETURN, start)


def test_forecasts__come_back_as_made_and_the_first_record_stays(engine: Engine, now: datetime) -> None:
    first = forecasts_of("1", now, seed=1)
    recorded(engine, forecasts=[first, first, first.assign(value=9.0)], outcomes=[])
    with reading(engine) as conn:
        read_back = evidence.forecasts(conn, "1")
    pd.testing.assert_frame_equal(read_back[["session", "ticker", "value"]], first[["session", "ticker", "value"]])
    assert set(read_back["made_at"]) == {now}


def test_session_losses__equal_a_slow_reckoning(engine: Engine, now: datetime) -> None:
    forecast, outcome = forecasts_of("1", now, seed=1), settled(now)
    recorded(
        engine, forecasts=[forecast, forecasts_of("2", now, seed=2)], outcomes=[outcome, settled(now, 5, horizon=5)]
    )
    by_session = losses(engine)
    assert list(by_session["session"]) == list(SESSIONS)
    for row in by_session.itertuples():
        f = forecast.loc[forecast["session"] == row.session, "value"].to_numpy()
        y = outcome.loc[outcome["session"] == row.session, "value"].to_numpy()
        assert row.loss == pytest.approx(np.mean((f - y) ** 2), rel=1e-12)
        assert row.baseline_loss == pytest.approx(np.mean(y**2), rel=1e-12)
        assert row.rank_ic == pytest.approx(spearmanr(f, y).statistic, rel=1e-9)
        assert row.n == len(TICKERS)


def test_session_losses__only_tickers_with_an_outcome_and_sessions_in_the_window(engine: Engine, now: datetime) -> None:
    outcome = settled(now)
    outcome.loc[outcome["ticker"] == "T3", "value"] = np.nan
    recorded(engine, forecasts=[forecasts_of("1", now, seed=1)], outcomes=[outcome])
    assert set(losses(engine)["n"]) == {len(TICKERS) - 1}
    assert list(losses(engine, start="2008-09-16")["session"]) == list(SESSIONS[1:])
    assert list(losses(engine, end="2008-09-15")["session"]) == [SESSIONS[0]]


def test_session_losses__random_walk_has_no_rank_ic_and_its_own_loss(engine: Engine, now: datetime) -> None:
    recorded(engine, forecasts=[forecasts_of("1", now, 1).assign(value=0.0)], outcomes=[settled(now)])
    by_session = losses(engine)
    assert by_session["rank_ic"].isna().all()
    assert (by_session["loss"] == by_session["baseline_loss"]).all()


def test_session_losses__nothing_settled_is_an_empty_table(engine: Engine) -> None:
    assert list(losses(engine).columns) == ["session", "loss", "baseline_loss", "rank_ic", "n"]
    assert losses(engine).empty
    assert paired(engine).empty


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_losses__forecast_that_is_not_finite_costs_infinitely_much(
    engine: Engine, now: datetime, broken: float
) -> None:
    challenger = forecasts_of("2", now, seed=2)
    challenger.loc[0, "value"] = broken
    recorded(engine, forecasts=[forecasts_of("1", now, seed=1), challenger], outcomes=[settled(now)])
    assert list(np.isinf(paired(engine)["challenger"])) == [True, False, False]
    assert np.isfinite(paired(engine)["champion"]).all()
    assert list(np.isinf(losses(engine, "2")["loss"])) == [True, False, False]


def test_paired_losses__rest_on_the_tickers_both_forecast(engine: Engine, now: datetime) -> None:
    a, b, outcome = forecasts_of("1", now, seed=1), forecasts_of("2", now, seed=2), settled(now)
    b = b[b["ticker"] != "T0"]
    recorded(engine, forecasts=[a, b], outcomes=[outcome])
    pairs = paired(engine, start="2008-09-16")
    both = a.merge(b, on=["session", "ticker"]).merge(outcome, on=["session", "ticker"])
    both = both.assign(A=(both["value_x"] - both["value"]) ** 2, B=(both["value_y"] - both["value"]) ** 2)
    expected = both.groupby("session")[["A", "B"]].mean().iloc[1:]
    np.testing.assert_allclose(pairs[["champion", "challenger"]], expected, rtol=1e-12)
    assert list(pairs["n"]) == [len(TICKERS) - 1] * 2


def test_record_outcomes__restated_value_wins_and_a_stale_one_does_not(engine: Engine, now: datetime) -> None:
    first, later = settled(now), settled(now + timedelta(days=1), seed=3)
    recorded(engine, forecasts=[forecasts_of("1", now, 1).assign(value=0.0)], outcomes=[later, first, later])
    expected = later.assign(square=later["value"] ** 2).groupby("session")["square"].mean()
    np.testing.assert_allclose(losses(engine)["loss"], expected, rtol=1e-12)


def test_record_forecasts__missing_columns_are_named(engine: Engine, now: datetime) -> None:
    with pytest.raises(BadInput, match="'forecast' lack feature_hash, made_at"), writing(engine) as conn:
        evidence.record_forecasts(conn, forecasts_of("1", now, 1)[["session", "ticker", "version", "value"]])


def test_settled__pairs_each_forecast_with_what_came_true(engine: Engine, now: datetime) -> None:
    made_now, came = forecasts_of("1", now, seed=1), settled(now)
    recorded(
        engine, forecasts=[made_now, forecasts_of("2", now, seed=2)], outcomes=[came[came["session"] < SESSIONS[2]]]
    )
    with reading(engine) as conn:
        pairs = evidence.settled(conn, "1", NEXT_RETURN)
        one = evidence.settled(conn, "1", NEXT_RETURN, "2008-09-16", "2008-09-16")
        assert evidence.settled(conn, "1", Aim("return", 5)).empty
        assert len(evidence.forecasts(conn, "1", "2008-09-16")) == len(TICKERS)
    assert len(pairs) == 2 * len(TICKERS)
    expected = made_now.merge(came, on=["session", "ticker"]).sort_values(["session", "ticker"]).head(len(pairs))
    assert pairs["forecast"].to_numpy() == pytest.approx(expected["value_x"].to_numpy())
    assert pairs["outcome"].to_numpy() == pytest.approx(expected["value_y"].to_numpy())
    assert one["session"].unique().tolist() == [SESSIONS[1]]


def _answered(now: datetime, client: str, ticker: str) -> Prediction:
    return Prediction(
        id=f"{client}{ticker}", at=now, client=client, ticker=ticker, as_of="2008-09-15", arm="champion", version="1",
        price=100.0, lower=90.0, upper=120.0, last_close=100.0, forecast=0.0, feature_hash="f", champion_version="1",
        champion_raw=0.0, rollout_version=1,
    )  # fmt: skip


def test_answered_intervals__count_each_ticker_and_session_once(engine: Engine, now: datetime) -> None:
    recorded(engine, forecasts=[], outcomes=[settled(now)])
    answers = [_answered(now, client, ticker) for client in ("a", "b") for ticker in TICKERS[:3]]
    predictions.insert_many(engine, answers)
    with reading(engine) as conn:
        counted = evidence.answered_intervals(conn, "1", NEXT_RETURN)
        assert evidence.answered_intervals(conn, "2", NEXT_RETURN).empty
    assert counted["ticker"].tolist() == TICKERS[:3]
    assert counted["lower"].to_numpy() == pytest.approx(np.log([0.9] * 3))
    assert counted["upper"].to_numpy() == pytest.approx(np.log([1.2] * 3))
    came = settled(now).query("session == @SESSIONS[0]")["value"].to_numpy()[:3]
    assert counted["outcome"].to_numpy() == pytest.approx(came)


def test_sign_hits__count_each_ticker_and_pass_over_zeros(engine: Engine, now: datetime) -> None:
    forecasts, outcomes = forecasts_of("1", now, 1), settled(now)
    forecasts.loc[0, "value"] = 0.0
    recorded(engine, forecasts=[forecasts], outcomes=[outcomes])
    pairs = forecasts.merge(outcomes, on=["session", "ticker"])
    pairs = pairs[(pairs["value_x"] != 0) & (pairs["value_y"] != 0)]
    right = (pairs["value_x"] * pairs["value_y"] > 0).groupby(pairs["ticker"])
    expected = {ticker: (int(hits.sum()), len(hits)) for ticker, hits in right}
    with reading(engine) as conn:
        assert evidence.sign_hits(conn, "1", NEXT_RETURN, pd.Timestamp("2000-01-01")) == expected
        assert evidence.sign_hits(conn, "2", NEXT_RETURN, pd.Timestamp("2000-01-01")) == {}
