"""Days that fit another exchange than the one that is set are one finding, and block."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from evergreen.core.bars.calendar import Calendar
from evergreen.core.market import simulate
from evergreen.market_data.delivery import Order
from evergreen.market_data.exchange_fit import wrong_exchange
from evergreen.market_data.ingest import ingest
from evergreen.market_data.validate_files import inspect_bars
from evergreen.settings import MarketSettings, Settings
from evergreen.workspace import Workspace

FIRST, LAST = pd.Timestamp("2018-01-04"), pd.Timestamp("2022-12-30")
XNYS = Calendar("XNYS")


def bars_of(exchange: str) -> pd.DataFrame:
    return simulate(3, Calendar(exchange).sessions(FIRST, LAST), seed=1)


@pytest.mark.parametrize(
    ("exchange", "setting"),
    [("XLON", "XNYS"), ("XTKS", "XNYS"), ("XBOM", "XLON"), ("XNYS", "XETR"), ("24/7", "XNYS"), ("XHKG", "24/7")],
)
def test_wrong_exchange__names_the_one_that_the_days_fit(exchange: str, setting: str) -> None:
    bars = bars_of(exchange)
    (finding,) = wrong_exchange(bars, Calendar(setting))
    days = bars["session"].nunique()
    assert finding.severity == "block"
    assert f"these {days:,} days fit {exchange}" in finding.message
    assert f'set [market] calendar = "{exchange}"' in finding.message


@pytest.mark.parametrize("exchange", ["XNYS", "XLON", "XTKS", "24/7"])
def test_wrong_exchange__has_nothing_to_say_of_the_right_one(exchange: str) -> None:
    assert wrong_exchange(bars_of(exchange), Calendar(exchange.lower())) == []


def test_wrong_exchange__special_sessions_do_not_make_another_exchange() -> None:
    days = Calendar("XBOM").sessions(FIRST, pd.Timestamp("2024-12-31"))
    special = pd.DatetimeIndex(["2023-11-12", "2024-03-02", "2024-05-18"])
    assert wrong_exchange(simulate(2, days.union(special), seed=1), Calendar("XBOM")) == []


def test_wrong_exchange__dates_moved_by_a_day_fit_none() -> None:
    bars = bars_of("XNYS")
    assert wrong_exchange(bars.assign(session=bars["session"] - pd.Timedelta(days=1)), XNYS) == []


def test_inspect_bars__has_it_first() -> None:
    findings = inspect_bars(bars_of("XLON"), XNYS, LAST.tz_localize("UTC").to_pydatetime())
    assert findings[0].rule == "wrong_exchange"


def test_ingest__a_history_of_another_exchange_is_refused_whole(tmp_path: Path) -> None:
    (tmp_path / "vendor").mkdir()
    bars = bars_of("XTKS")
    bars.to_parquet(tmp_path / "vendor" / "bars.parquet")
    at = Workspace(Settings(home=tmp_path / "home", market=MarketSettings(calendar="XNYS")))
    names = tuple(sorted(bars["ticker"].unique()))
    order = Order(f"files:{tmp_path / 'vendor'}", names, FIRST, LAST, history=True)
    delivery = ingest(at, order, pd.Timestamp("2023-01-02", tz="UTC").to_pydatetime())
    assert delivery.blocked and at.bars.as_of().empty
    assert "fit XTKS" in next(each["message"] for each in delivery.findings if each["rule"] == "wrong_exchange")
