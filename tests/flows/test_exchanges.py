"""The whole loop on exchanges of other hours, zones and weeks than New York's."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import httpx
import pandas as pd
import pytest
from sqlalchemy import text

from evergreen.adapters.database import ledger, reading, requests, rollouts
from evergreen.adapters.infra.processes import Stack
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.session import iso
from evergreen.core.market import simulate
from evergreen.settings import MarketSettings, Settings
from evergreen.workspace import Workspace
from tests.conftest import enter
from tests.flows.test_stack import account, walk

HISTORY = 640  # sessions: the folds that the gate can judge need 633
WALKED = 2
DELAY = 45  # minutes after the close


SPECIAL = {"XBOM": datetime(2020, 8, 8, 19, 15)}  # a Saturday evening: no calendar knows it, the setting declares it


def calendar_of(exchange: str) -> Calendar:
    return Calendar(exchange, (SPECIAL[exchange],) if exchange in SPECIAL else ())


def market(exchange: str) -> tuple[pd.DataFrame, pd.DatetimeIndex]:
    """Bars of four names, history and the sessions walked; the last of these is the special one, where there is one."""
    calendar = calendar_of(exchange)
    first = calendar.next(pd.Timestamp("2018-01-01"))
    if exchange in SPECIAL:
        first = calendar.next(pd.Timestamp(SPECIAL[exchange].date()), 1 - HISTORY - WALKED)
    days = calendar.sessions(first, calendar.next(first, HISTORY + WALKED - 1))
    return simulate(4, days, seed=3), days


@pytest.mark.slow
@pytest.mark.parametrize("exchange", ["XBOM", "24/7"])
def test_loop__is_whole_on_any_exchange(
    prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: str
) -> None:
    """From history to forecasts and outcomes: every instant is the close of this exchange, plus the delay."""
    from flows.backfill import backfill
    from flows.daily import daily
    from flows.retrain import retrain

    bars, days = market(exchange)
    if exchange in SPECIAL:
        assert iso(days[-1]) == iso(SPECIAL[exchange].date()) and days[-1].dayofweek == 5
        monkeypatch.setenv("EVERGREEN_MARKET_SPECIAL_SESSIONS", SPECIAL[exchange].isoformat())
    (tmp_path / "vendor").mkdir()
    bars.to_parquet(tmp_path / "vendor" / "bars.parquet")
    monkeypatch.setenv("EVERGREEN_MARKET_CALENDAR", exchange.lower())
    monkeypatch.setenv("EVERGREEN_MARKET_SOURCE", f"files:{tmp_path / 'vendor'}")
    monkeypatch.setenv("EVERGREEN_MARKET_DELIVERY_DELAY", str(DELAY))
    at = enter(tmp_path / "home", monkeypatch)

    backfill(start=iso(days[0]), as_of=iso(days[HISTORY - 1]))
    with reading(at.engine) as conn:
        (request,) = requests.recent(conn, at.settings.model_name)
    retrain(request.id)
    assert daily(as_of=iso(days[-1])) == [iso(day) for day in days[HISTORY:]]

    require_whole(at, days, bars["ticker"].nunique())


def require_whole(at: Workspace, days: pd.DatetimeIndex, tickers: int) -> None:
    """Fail unless all bars arrived at the close plus the delay, and all sessions walked have their records."""
    known = at.bars.as_of().set_index("session")["known_at"]
    closes = pd.Series(at.calendar.closes(pd.DatetimeIndex(known.index)), index=known.index)
    assert len(known) == len(days) * tickers and ((known - closes) == pd.Timedelta(minutes=DELAY)).all()
    with reading(at.engine) as conn:
        assert rollouts.current(conn, at.settings.model_name).champion
        assert ledger.clock(conn, at.settings.model_name) == iso(days[-1])
        forecasts = conn.execute(text("select session, count(*) from forecast group by session order by 1")).all()
        outcomes = set(conn.execute(text("select session from outcome")).scalars())
    assert [tuple(row) for row in forecasts][-WALKED:] == [(iso(day), tickers) for day in days[HISTORY:]]
    assert iso(days[-2]) in outcomes and iso(days[-1]) not in outcomes


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.timeout(1300)
@pytest.mark.xdist_group("stack")
@pytest.mark.parametrize("exchange", ["XLON", "XTKS"])
def test_stack__walks_the_exchange_and_is_scheduled_on_its_clock(tmp_path: Path, exchange: str) -> None:
    """A real server, worker, MLflow and service; the automation trains the first champion."""
    bars, days = market(exchange)
    (tmp_path / "vendor").mkdir()
    bars.to_parquet(tmp_path / "vendor" / "bars.parquet")
    names = sorted(bars["ticker"].unique())
    setting = MarketSettings(
        calendar=exchange, source=f"files:{tmp_path / 'vendor'}", tickers=tuple(names), delivery_delay=DELAY
    )
    settings = Settings(home=tmp_path / "home", clock="replay", refresh_seconds=0.05, market=setting)
    span = {"start": iso(days[HISTORY]), "end": iso(days[-1]), "history": iso(days[0]), "clients": 2}
    try:
        api = walk(settings, market=span)
        deployment = httpx.get(f"{api.url}/deployments/name/daily/daily", auth=account(settings)).json()
        schedules = [each["schedule"] for each in deployment["schedules"]]
        service = next(member for member in Stack(settings.home).alive() if member.name == "service")
        answer = httpx.get(f"{service.url}/v1/predictions/{names[0]}").json()
    finally:
        Stack(settings.home).stop()
    assert {schedule["timezone"] for schedule in schedules} == {Calendar(exchange).zone}
    assert answer["as_of"] == iso(days[-1])
    at = Workspace(settings)
    require_whole(at, days, len(names))
    with reading(at.engine) as conn:
        assert conn.execute(text("select count(*) from prediction")).scalar() == WALKED * 2 * len(names) + 1
