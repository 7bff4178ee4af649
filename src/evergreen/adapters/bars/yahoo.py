"""Daily bars from Yahoo, through `yfinance`: raw prices, with factors made from its splits and dividends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from evergreen.core.bars.corporate_actions import odd_dividends, unadjusted
from evergreen.core.bars.schema import SUPPLIED, conform, empty_bars
from evergreen.core.bars.session import iso
from evergreen.core.quality import Finding
from evergreen.errors import BadSetting, Unavailable

ATTEMPTS = 5  # with pauses of 1, 2, 4 and 8 s: longer than the blocks of a few seconds it answers a burst with
NEW_YORK = ("XNYS", "NYSE", "XNAS", "NASDAQ")  # one exchange to exchange_calendars
HUNDREDTHS = ("GBp", "GBX", "ZAc", "ILA")  # Yahoo's currencies of London, Johannesburg and Tel Aviv
LONGEST_PAUSE = 60.0  # seconds; a flow waits on it
_OURS = {
    "Open": "open",
    "High": "high",
    "Low": "low",
    "Close": "close",
    "Volume": "volume",
    "Dividends": "dividends",
    "Stock Splits": "splits",
}


class YahooSource:
    """Yahoo's daily bars of `symbols`.

    Yahoo's prices are adjusted for splits, later ones too, so each request reaches from the first session
    asked for to now. A busy or failing server is asked again, five times in all, after 1, 2, 4, 8 s and some
    chance.
    """

    def __init__(
        self, symbols: Sequence[str] = (), calendar: str = "XNYS", session: Any = None, pause: float = 1.0
    ) -> None:
        """`session` is a `curl_cffi` session of one's own, `pause` the first wait in seconds."""
        self.name = "yahoo"
        self.calendar = calendar
        self._symbols = sorted(symbol.strip() for symbol in symbols)
        self._session = session
        self._pause = pause
        self._findings: list[Finding] = []

    def tickers(self) -> list[str]:
        """The symbols it was opened with, sorted: Yahoo has no list to give."""
        return self._symbols

    def fetch(self, tickers: Sequence[str], start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """The bars there are of `tickers` from `start` to `end` (sessions, inclusive): columns `SUPPLIED`.

        Raises:
            Unavailable: Yahoo did not answer five times in a row.
            BadSetting: the extra `yahoo` is not installed.
        """
        self._findings = []
        parts = [self._bars(ticker, self._history(self._symbol(ticker), start)) for ticker in tickers]
        bars = conform(pd.concat(parts, ignore_index=True)) if parts else empty_bars()
        return bars.loc[(bars["session"] >= start) & (bars["session"] <= end), list(SUPPLIED)].reset_index(drop=True)

    def findings(self) -> list[Finding]:
        """Dividends of the last answer that were not believed."""
        return self._findings

    def _symbol(self, ticker: str) -> str:
        """`ticker` as Yahoo spells it: in New York a class stands behind a hyphen there."""
        return ticker.replace(".", "-") if self.calendar.upper() in NEW_YORK else ticker

    def _bars(self, ticker: str, history: pd.DataFrame) -> pd.DataFrame:
        if history.empty:
            return empty_bars()
        days = pd.DatetimeIndex(history.index).tz_localize(None).normalize()
        columns = history.rename(columns=_OURS)[list(_OURS.values())].astype("float64").set_axis(days)
        odd = odd_dividends(columns, in_hundredths=history.attrs.get("currency") in HUNDREDTHS)
        self._findings += [_odd(ticker, columns, session) for session in columns.index[odd]]
        believed = columns.assign(dividends=columns["dividends"].where(~odd, 0.0))
        return unadjusted(believed).assign(ticker=ticker).rename_axis("session").reset_index()

    def _history(self, ticker: str, start: pd.Timestamp) -> pd.DataFrame:
        """Yahoo's own table from `start` to now; empty for a symbol without bars."""
        try:
            import tenacity
            import yfinance
            from yfinance.data import YfData
            from yfinance.exceptions import YFDataException, YFRateLimitError, YFTickerMissingError
            from yfinance.scrapers.history import PriceHistory
        except ImportError:
            raise BadSetting("yahoo needs a package of its own.", "pip install '.[yahoo]'") from None
        yfinance.config.debug.hide_exceptions = False
        busy = (YFRateLimitError, YFDataException, OSError, json.JSONDecodeError)
        asking = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=tenacity.wait_exponential_jitter(self._pause, LONGEST_PAUSE, jitter=self._pause),
            retry=tenacity.retry_if_exception_type(busy),
            reraise=True,
        )
        # `Ticker.history` would first ask for the exchange's time zone, and stumbles over a symbol without one.
        symbol = PriceHistory(YfData(session=self._session), ticker, "UTC", self._session)
        since = start - pd.Timedelta(days=1)  # east of Greenwich a session begins before midnight UTC
        try:
            history = pd.DataFrame(asking(symbol.history, start=iso(since), auto_adjust=False))
            history.attrs["currency"] = symbol.get_history_metadata().get("currency")
            return history
        except YFTickerMissingError:
            return pd.DataFrame()
        except busy as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
            raise Unavailable(f"Yahoo did not give bars of {ticker}: {reason}.", "Try again later.") from None


def _odd(ticker: str, history: pd.DataFrame, session: pd.Timestamp) -> Finding:
    paid, before = (float(values[session]) for values in (history["dividends"], history["close"].shift()))
    message = (
        f"{ticker} {iso(session)}: a dividend of {paid:g} is {paid / before:.2%} of the price before; price or "
        "other dividends say otherwise: left out of the factor"
    )
    return Finding("odd_dividend", "warn", ticker, session, "factor", paid, message)


def open_yahoo(symbols: str, calendar: str) -> YahooSource:
    """The source `yahoo:AAPL,MSFT`.

    Raises:
        BadSetting: no symbol.
    """
    if not symbols:
        raise BadSetting("there is no source 'yahoo' without symbols.", "Write yahoo:AAPL,MSFT.")
    return YahooSource(symbols.split(","), calendar)
