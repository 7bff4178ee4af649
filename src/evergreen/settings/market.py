"""The exchange and what comes from it."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, field_validator

from evergreen.settings.ranges import Count, Currency

SAMPLE_TICKERS = ("AAPL", "IBM", "MSFT", "GOOG")  # the sample's fifth, FB, has traded for ten months where it ends


class MarketSettings(BaseModel):
    """The exchange and what comes from it: table `[market]`, or `EVERGREEN_MARKET_CALENDAR` and the like.

    In a variable tickers and special sessions are parted by commas.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    calendar: str = "XNYS"  # as exchange_calendars names the exchange
    source: str = "sample"  # where bars come from when a flow names no source
    tickers: tuple[str, ...] = ()  # the names wanted of that source; empty: all it has
    listings: str = ""  # a CSV that says when names are traded: ticker, from, to, renamed_to
    currency: Currency = "USD"  # of the prices
    delivery_delay: Count = 30  # minutes after the close until a session's bars are final
    notice_after: Count = 2  # sessions a bar may be owed before a notice: a vendor is an evening late now and then
    special_sessions: tuple[datetime, ...] = ()  # that the exchange held besides: a date, or when it closed, local time

    @field_validator("tickers", "special_sessions", mode="before")
    @classmethod
    def _parted(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @property
    def delay(self) -> timedelta:
        return timedelta(minutes=self.delivery_delay)

    def tickers_of(self, source: str) -> tuple[str, ...]:
        """The tickers wanted of `source` when none are named; empty for all it has."""
        if source != self.source:
            return ()
        return self.tickers or (SAMPLE_TICKERS if source == "sample" else ())
