from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from evergreen.core.bars.calendar import Calendar
from evergreen.errors import BadSetting, NoBars
from evergreen.market_data.exchange_fit import nearest
from evergreen.market_data.found_market import FoundMarket, read_market
from evergreen.ops.first_hour import lines, write_settings
from evergreen.settings import load_settings

NOW = datetime(2024, 1, 1, tzinfo=UTC)


def bars_on(exchange: str, ticker: str, start: str = "2020-01-01", end: str = "2021-12-31") -> pd.DataFrame:
    """Quiet bars on every session of an exchange."""
    sessions = Calendar(exchange).sessions(pd.Timestamp(start), pd.Timestamp(end))
    close = 100 + pd.Series(range(len(sessions))) % 7 * 0.1
    return pd.DataFrame(
        {
            "date": sessions,
            "ticker": ticker,
            "open": close,
            "high": close + 0.2,
            "low": close - 0.2,
            "close": close,
            "volume": 1_000.0 + pd.Series(range(len(sessions))) % 11,
        }
    )


@pytest.fixture
def london(tmp_path: Path) -> Path:
    folder = tmp_path / "bars"
    folder.mkdir()
    bars_on("XLON", "VOD").to_csv(folder / "VOD.csv", index=False)
    bars_on("XLON", "BP").drop(index=[50, 51]).to_csv(folder / "BP.csv", index=False)
    return folder


@pytest.mark.parametrize("exchange", ["XNYS", "XLON", "XTKS", "XBOM", "24/7"])
def test_nearest__is_the_exchange_whose_sessions_the_dates_are(exchange: str) -> None:
    dates = Calendar(exchange).sessions(pd.Timestamp("2019-01-01"), pd.Timestamp("2021-12-31"))
    assert nearest(dates).exchange == exchange
    assert nearest(dates.delete([40, 300])).exchange == exchange  # two sessions that nobody delivered


def test_read_market__tells_exchange_tickers_span_and_what_is_missing(london: Path) -> None:
    market = read_market(london, "", NOW)
    assert (market.calendar, market.currency, market.tickers) == ("XLON", "GBP", ("BP", "VOD"))
    assert (market.absent, market.strange, dict(market.lacking), market.surely) == (0, 0, {"BP": 2}, True)
    told_lines = "\n".join(lines(market, NOW))
    assert (
        "BP 2" in told_lines and f"newest bar {market.last:%Y-%m-%d}" in told_lines and "`evergreen up`" in told_lines
    )
    named = "\n".join(lines(market, NOW, "http://prefect:4200/api"))
    assert "`evergreen deploy`: registers the flows on http://prefect:4200/api" in named and "evergreen up" not in named


def test_read_market__dates_of_another_exchange_are_counted_and_doubted(london: Path) -> None:
    market = read_market(london, "XTKS", NOW)
    assert market.calendar == "XTKS" and market.strange > 0 and not market.surely
    assert "name yours with --calendar" in "\n".join(lines(market, NOW))
    with pytest.raises(BadSetting):
        read_market(london, "XXXX", NOW)


def test_read_market__a_folder_without_bars_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoBars, match="holds no bars"):
        read_market(tmp_path, "", NOW)


def test_write_settings__are_read_back_as_the_market(london: Path, tmp_path: Path) -> None:
    market: FoundMarket = read_market(london, "", NOW)
    write_settings(market, tmp_path / "evergreen.toml", replace=False)
    market = load_settings(tmp_path / "evergreen.toml").market
    assert (market.calendar, market.currency, market.source) == ("XLON", "GBP", f"files:{london}")
