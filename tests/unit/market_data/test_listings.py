"""The dated universe in the loop's first steps: what is asked for, what is left out, what is owed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from evergreen.adapters.bars.listings_file import read_listings
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.session import iso
from evergreen.core.market import simulate
from evergreen.errors import BadSetting
from evergreen.market_data.delivery import Order
from evergreen.market_data.ingest import ingest
from evergreen.market_data.owed import missing_bars
from evergreen.settings import MarketSettings, Settings
from evergreen.workspace import Workspace

XNYS = Calendar("XNYS")
DAYS = XNYS.sessions(pd.Timestamp("2008-01-02"), pd.Timestamp("2008-04-30"))
BARS = simulate(3, DAYS, seed=1)
GONE, LATE, STAYS = sorted(BARS["ticker"].unique())
LAST, FIRST = DAYS[40], DAYS[50]


def at_home(folder: Path, listings: str) -> Workspace:
    file = folder / "listings.csv"
    file.write_text(listings)
    (folder / "vendor").mkdir()
    BARS.to_parquet(folder / "vendor" / "bars.parquet")
    return Workspace(Settings(home=folder / "home", market=MarketSettings(listings=str(file))))


def loaded(folder: Path) -> Workspace:
    at = at_home(folder, f"ticker,from,to\n{GONE},,{iso(LAST)}\n{LATE},{iso(FIRST)},\n{STAYS},,\n")
    order = Order(f"files:{folder / 'vendor'}", (GONE, LATE, STAYS), DAYS[0], DAYS[60], history=True)
    delivery = ingest(at, order, XNYS.close(DAYS[60]).to_pydatetime())
    left_out = {
        finding["ticker"]: finding["message"] for finding in delivery.findings if finding["rule"] == "not_listed"
    }
    assert left_out == {
        GONE: f"{GONE}: 20 bars left out. {GONE} was delisted after {iso(LAST)}.",
        LATE: f"{LATE}: 50 bars left out. {LATE} is listed from {iso(FIRST)} on.",
    }
    return at


def test_ingest__bars_of_other_sessions_than_a_names_own_are_left_out_and_told(tmp_path: Path) -> None:
    stored = loaded(tmp_path).bars.as_of().groupby("ticker")["session"]
    assert stored.max()[GONE] == LAST and stored.min()[LATE] == FIRST and stored.min()[STAYS] == DAYS[0]


def test_ingest__a_session_asks_for_the_names_traded_on_it_alone(tmp_path: Path) -> None:
    at = loaded(tmp_path)
    source = f"files:{tmp_path / 'vendor'}"
    delivery = ingest(at, Order(source, (GONE, LATE, STAYS), DAYS[61], DAYS[61]), XNYS.close(DAYS[61]).to_pydatetime())
    assert delivery.rows == 2 and not delivery.findings


def test_missing_bars__a_delisted_name_is_not_waited_for(tmp_path: Path) -> None:
    at = loaded(tmp_path)
    assert not len(missing_bars(at, [GONE, LATE, STAYS], DAYS[60], DAYS[60]))
    awaited = missing_bars(at, [GONE, LATE, STAYS], DAYS[60], DAYS[61])
    assert list(awaited) == [(LATE, DAYS[61]), (STAYS, DAYS[61])]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("ticker,from\nAPTV,5.12.2017\n", "'5.12.2017' is no date"),
        ("name,from\nAPTV,2017-12-05\n", "has no column 'ticker'"),
        ("ticker,until\nAPTV,2017-12-05\n", "has a column 'until'"),
        ("", "cannot be read"),
    ],
)
def test_read_listings__what_says_nothing_is_told(tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "listings.csv").write_text(content)
    with pytest.raises(BadSetting, match=complaint):
        read_listings(tmp_path / "listings.csv")


def test_read_listings__a_company_called_na_and_columns_left_out(tmp_path: Path) -> None:
    (tmp_path / "listings.csv").write_text("ticker\nNA\n")
    assert read_listings(tmp_path / "listings.csv").tickers == ["NA"]
