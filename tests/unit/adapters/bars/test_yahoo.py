"""Yahoo by a loopback server that answers as Yahoo does: chart JSON, 404 for strangers, 429 and 502 when busy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest

from evergreen.adapters.bars import open_source
from evergreen.adapters.bars.yahoo import ATTEMPTS, YahooSource
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.schema import SUPPLIED
from evergreen.core.quality import check
from evergreen.errors import BadSetting, Unavailable

yfinance = pytest.importorskip("yfinance", reason="the extra `yahoo` is not installed")

DAYS = Calendar("XNYS").sessions(pd.Timestamp("2020-08-24"), pd.Timestamp("2020-09-04"))
RAW = np.array([503.43, 499.30, 506.09, 500.04, 499.23, 129.04, 134.18, 131.40, 120.88, 120.96])  # split on the 6th
SPLIT = 5


def chart(raw: np.ndarray, days: pd.DatetimeIndex, dividend: float = 0.205, currency: str = "USD") -> dict[str, Any]:
    """What Yahoo's chart endpoint answers: single-precision prices adjusted for splits, and the events."""
    stamps = [int(Calendar("XNYS").close(day).timestamp()) - 6 * 3600 - 1800 for day in days]
    adjusted = np.where(days < DAYS[SPLIT], raw / 4, raw).astype(np.float32).astype(float)
    quote = {
        "open": adjusted.tolist(),
        "high": (adjusted * 1.01).tolist(),
        "low": (adjusted * 0.99).tolist(),
        "close": adjusted.tolist(),
        "volume": [int(v) for v in np.where(days < DAYS[SPLIT], 4e8, 1e8)],
    }
    events = {
        "splits": {str(stamps[SPLIT]): {"date": stamps[SPLIT], "numerator": 4, "denominator": 1, "splitRatio": "4:1"}},
        "dividends": {str(stamps[8]): {"date": stamps[8], "amount": dividend}},
    }
    meta = {
        "currency": currency,
        "symbol": "AAPL",
        "exchangeName": "NMS",
        "instrumentType": "EQUITY",
        "exchangeTimezoneName": "America/New_York",
        "timezone": "EDT",
        "gmtoffset": -14400,
        "regularMarketTime": stamps[-1],
        "regularMarketPrice": adjusted[-1],
        "priceHint": 2,
        "dataGranularity": "1d",
        "range": "",
        "validRanges": ["1d", "5d", "1mo", "max"],
        "currentTradingPeriod": {},
    }
    indicators = {"quote": [quote], "adjclose": [{"adjclose": adjusted.tolist()}]}
    one = {"meta": meta, "timestamp": stamps, "events": events, "indicators": indicators}
    return {"chart": {"result": [one], "error": None}}


STRANGER = {"chart": {"result": None, "error": {"code": "Not Found", "description": "No data found"}}}


class Yahoo(ThreadingHTTPServer):
    """Answers chart requests; the first `busy` of them with `status` and a page."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.busy, self.status, self.requests, self.dividend, self.currency = 0, 429, 0, 0.205, "USD"


class _Answers(BaseHTTPRequestHandler):
    server: Yahoo

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        if not place.path.startswith("/v8/finance/chart/"):
            return self._say(404, b"")
        self.server.requests += 1
        if self.server.requests <= self.server.busy:
            return self._say(self.server.status, b"<html>Too Many Requests</html>")
        known = place.path.endswith(("/AAPL", "/BRK-B"))
        answer = chart(RAW, DAYS, self.server.dividend, self.server.currency) if known else STRANGER
        return self._say(200 if known else 404, json.dumps(answer).encode())

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: pytest's output is for tests."""


@pytest.fixture
def yahoo() -> Iterator[Yahoo]:
    with Yahoo() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def source(yahoo: Yahoo, tmp_path: Path) -> YahooSource:
    from curl_cffi import requests

    class Loopback(requests.Session):
        """A session that asks the loopback server whatever host it was told."""

        def request(self, method: str, url: str, **options: Any) -> Any:
            place = urlsplit(url)
            port = yahoo.server_address[1]
            return super().request(method, f"http://127.0.0.1:{port}{place.path}?{place.query}", **options)

    yfinance.set_tz_cache_location(str(tmp_path))  # cookies too, which are nobody's here
    return YahooSource(["AAPL"], session=Loopback(), pause=0.001)


def test_fetch__gives_raw_prices_and_factors_that_adjust_them(source: YahooSource) -> None:
    bars = source.fetch(["AAPL"], DAYS[0], DAYS[-1])
    assert list(bars.columns) == list(SUPPLIED) and list(bars["session"]) == list(DAYS)
    np.testing.assert_array_equal(bars["close"], RAW)
    assert (bars["volume"] == 1e8).all()
    expected = np.where(DAYS[SPLIT] > DAYS, 0.25, 1.0) * np.where(DAYS[8] > DAYS, 1 - 0.205 / RAW[7], 1.0)
    np.testing.assert_allclose(bars["factor"], expected)
    assert check(bars, DAYS) == []


def test_fetch__of_a_part_keeps_what_happened_after_it_in_mind(source: YahooSource) -> None:
    bars = source.fetch(["AAPL"], DAYS[1], DAYS[3])
    np.testing.assert_array_equal(bars["close"], RAW[1:4])


def test_fetch__leaves_out_what_yahoo_does_not_know(source: YahooSource) -> None:
    assert set(source.fetch(["AAPL", "NOPE"], DAYS[0], DAYS[-1])["ticker"]) == {"AAPL"}
    assert source.fetch(["NOPE"], DAYS[0], DAYS[-1]).empty
    assert source.fetch([], DAYS[0], DAYS[-1]).empty


def test_fetch__a_class_is_asked_for_as_yahoo_spells_it_and_comes_under_its_own_name(source: YahooSource) -> None:
    bars = source.fetch(["BRK.B"], DAYS[0], DAYS[-1])
    assert set(bars["ticker"]) == {"BRK.B"} and len(bars) == len(DAYS)


@pytest.mark.parametrize("dividend", [20.5 * 4, 311.0])
def test_fetch__a_dividend_a_hundred_times_too_large_is_the_finding_and_no_bar_is_lost(
    source: YahooSource, yahoo: Yahoo, dividend: float
) -> None:
    yahoo.dividend = dividend
    bars = source.fetch(["AAPL"], DAYS[0], DAYS[-1])
    (finding,) = source.findings()
    assert finding.rule == "odd_dividend" and finding.session == DAYS[8]
    np.testing.assert_allclose(bars["factor"], np.where(DAYS[SPLIT] > DAYS, 0.25, 1.0))
    yahoo.dividend = 0.205
    source.fetch(["AAPL"], DAYS[0], DAYS[-1])
    assert source.findings() == []


def test_fetch__a_dividend_in_pounds_beside_prices_in_pence_is_the_finding(source: YahooSource, yahoo: Yahoo) -> None:
    yahoo.dividend, yahoo.currency = 0.0205, "GBp"
    bars = source.fetch(["AAPL"], DAYS[0], DAYS[-1])
    assert [(finding.rule, finding.session) for finding in source.findings()] == [("odd_dividend", DAYS[8])]
    assert bars["factor"].iloc[-1] == bars["factor"].iloc[7]
    yahoo.dividend = 2.05
    assert source.fetch(["AAPL"], DAYS[0], DAYS[-1])["factor"].iloc[7] < 1 and source.findings() == []


@pytest.mark.parametrize("status", [429, 502])
def test_fetch__asks_again_when_yahoo_is_busy(source: YahooSource, yahoo: Yahoo, status: int) -> None:
    yahoo.busy, yahoo.status = 4, status
    assert len(source.fetch(["AAPL"], DAYS[0], DAYS[-1])) == len(DAYS)
    assert yahoo.requests > 4


def test_fetch__gives_up_after_some_attempts_and_says_so(source: YahooSource, yahoo: Yahoo) -> None:
    yahoo.busy = 1000
    with pytest.raises(Unavailable, match="Yahoo did not give bars of AAPL"):
        source.fetch(["AAPL"], DAYS[0], DAYS[-1])
    assert ATTEMPTS <= yahoo.requests <= 4 * ATTEMPTS


def test_open_source__names_yahoos_symbols() -> None:
    assert open_source("yahoo:MSFT,AAPL").tickers() == ["AAPL", "MSFT"]
    with pytest.raises(BadSetting, match="no source 'yahoo'"):
        open_source("yahoo")
