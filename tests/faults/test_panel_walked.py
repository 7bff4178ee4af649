"""A panel of 505 names walked for 20 sessions while names come and go: a listing, a delisting, a renaming."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pandas as pd
import pytest
from sqlalchemy import text

from evergreen.adapters.database import ledger, owed, reading, requests, rollouts
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.session import iso
from evergreen.core.market import simulate
from evergreen.service.app import create_app
from evergreen.service.schemas import PredictionAnswers
from evergreen.workspace import Workspace
from tests.conftest import enter
from tests.service.running import Client, until

XNYS = Calendar("XNYS")
FIRST, LAST = pd.Timestamp("2013-02-08"), pd.Timestamp("2016-06-24")  # of the history
DAYS = XNYS.sessions(XNYS.next(LAST), XNYS.next(LAST, 20))
GONE, RENAMED, NEW = ("S012", DAYS[6]), ("S100", "S100X", DAYS[9]), ("S504", DAYS[12])

pytestmark = [
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.timeout(3600),
]


def vendor(folder: Path) -> pd.DataFrame:
    """A market's bars to the last session, one name delisted, one renamed and one listed on the way."""
    bars = simulate(505, XNYS.sessions(FIRST, DAYS[-1]), seed=7)
    gone = (bars["ticker"] == GONE[0]) & (bars["session"] > GONE[1])
    early = (bars["ticker"] == NEW[0]) & (bars["session"] < NEW[1])
    bars = bars[~gone & ~early]
    bars["ticker"] = bars["ticker"].mask((bars["ticker"] == RENAMED[0]) & (bars["session"] > RENAMED[2]), RENAMED[1])
    bars.to_parquet(folder / "bars.parquet")
    first = bars.groupby("ticker")["session"].min()
    rows = [f"{name},{iso(day) if day > bars['session'].min() else ''},," for name, day in first.items()]
    rows = [row for row in rows if row.split(",")[0] not in (GONE[0], RENAMED[0], RENAMED[1])]
    rows += [f"{GONE[0]},,{iso(GONE[1])},", f"{RENAMED[0]},,{iso(RENAMED[2])},{RENAMED[1]}"]
    rows += [f"{RENAMED[1]},{iso(XNYS.next(RENAMED[2]))},,"]
    (folder / "listings.csv").write_text("\n".join(["ticker,from,to,renamed_to", *rows]))
    return bars


async def answers_for(at: Workspace, names: list[str]) -> PredictionAnswers:
    """What a client is answered that asks for every name there ever was."""
    app = create_app(at.settings)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), Client(transport=transport, base_url="http://localhost") as client:
        await until(client, "/readyz", lambda answer: answer.status_code == 200)
        answer = await client.post("/v1/predictions", json={"tickers": names}, headers={"X-Client-Id": "panel"})
    assert answer.status_code == 200, answer.text
    return PredictionAnswers.model_validate(answer.json())


def test_panel__is_walked_while_names_come_and_go(
    prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.backfill import backfill
    from flows.daily import daily
    from flows.retrain import retrain

    folder = tmp_path / "vendor"
    folder.mkdir()
    bars = vendor(folder)
    monkeypatch.setenv("EVERGREEN_MARKET_SOURCE", f"files:{folder / 'bars.parquet'}")
    monkeypatch.setenv("EVERGREEN_MARKET_LISTINGS", str(folder / "listings.csv"))
    at = enter(tmp_path / "home", monkeypatch)
    backfill(start=iso(FIRST), as_of=iso(LAST))
    with reading(at.engine) as conn:
        (request,) = requests.recent(conn, at.settings.model_name)
    retrain(request.id)
    assert daily(as_of=iso(DAYS[-1])) == [iso(day) for day in DAYS]

    with reading(at.engine) as conn:
        assert rollouts.current(conn, at.settings.model_name).champion
        assert ledger.clock(conn, at.settings.model_name) == iso(DAYS[-1])
        forecasts = pd.read_sql(text("select session, ticker from forecast"), conn).groupby("session")["ticker"]
        outcomes = pd.read_sql(text("select session, ticker from outcome"), conn).groupby("session")["ticker"]
        waited_for = owed.open_bars(conn)
    stored = at.bars.as_of(start=DAYS[0]).groupby("session")["ticker"].agg(set)
    for day in DAYS:
        assert set(forecasts.get_group(iso(day))) <= stored[day] and len(set(forecasts.get_group(iso(day)))) > 490
    assert all(set(outcomes.get_group(iso(day))) <= stored[day] for day in DAYS[:-1])
    assert not {bar.ticker for bar in waited_for} & {GONE[0], RENAMED[0], NEW[0]}
    assert RENAMED[1] in set(forecasts.get_group(iso(DAYS[-1])))
    names = sorted({*bars["ticker"], *(GONE[0], RENAMED[0])})
    answer = asyncio.run(answers_for(at, names))
    silent = {each.ticker: each.error for each in answer.unanswered}
    print(f"{len(answer.predictions)} answered, {len(silent)} not: {silent}; owed: {waited_for}")
    assert len(answer.predictions) + len(silent) == len(names) and len(silent) < 12
    assert {GONE[0], RENAMED[0]} <= set(silent) and all(silent.values())
