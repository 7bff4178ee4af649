"""The whole loop on exchanges of other hours, zones and weeks than New York's."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import text

from evergreen.adapters.database import ledger, reading, requests, rollouts
from evergreen.core.bars.calendar import Calendar, iso
from evergreen.core.market import simulate
from tests.conftest import enter

HISTORY = 1_060  # sessions: the folds of a first model need 1,010
WALKED = 2


@pytest.mark.slow
@pytest.mark.parametrize("exchange", ["XLON", "XTKS", "XBOM", "24/7"])
def test_loop__is_whole_on_any_exchange(
    prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: str
) -> None:
    """From history to forecasts and outcomes: every instant is the close of this exchange, plus the delay."""
    from flows.backfill import backfill
    from flows.daily import daily
    from flows.retrain import retrain

    calendar = Calendar(exchange)
    first = calendar.next(pd.Timestamp("2018-01-01"))
    days = calendar.sessions(first, calendar.next(first, HISTORY + WALKED - 1))
    bars = simulate(4, days, seed=3)
    (tmp_path / "vendor").mkdir()
    bars.to_parquet(tmp_path / "vendor" / "bars.parquet")
    monkeypatch.setenv("EVERGREEN_MARKET_CALENDAR", exchange.lower())
    monkeypatch.setenv("EVERGREEN_MARKET_SOURCE", f"files:{tmp_path / 'vendor'}")
    monkeypatch.setenv("EVERGREEN_MARKET_DELIVERY_DELAY", "45")
    at = enter(tmp_path / "home", monkeypatch)

    backfill(start=iso(first), as_of=iso(days[HISTORY - 1]))
    with reading(at.engine) as conn:
        (request,) = requests.recent(conn, at.settings.model_name)
    retrain(request.id)
    assert daily(as_of=iso(days[-1])) == [iso(day) for day in days[HISTORY:]]

    known = at.bars.as_of().set_index("session")["known_at"]
    closes = pd.Series(calendar.closes(pd.DatetimeIndex(known.index)), index=known.index)
    assert ((known - closes) == pd.Timedelta(minutes=45)).all()
    with reading(at.engine) as conn:
        assert rollouts.current(conn, at.settings.model_name).champion
        assert ledger.clock(conn, at.settings.model_name) == iso(days[-1])
        forecasts = conn.execute(text("select session, count(*) from forecast group by session order by 1")).all()
        outcomes = set(conn.execute(text("select session from outcome")).scalars())
    tickers = bars["ticker"].nunique()
    assert [tuple(row) for row in forecasts][-WALKED:] == [(iso(day), tickers) for day in days[HISTORY:]]
    assert iso(days[-2]) in outcomes and iso(days[-1]) not in outcomes
