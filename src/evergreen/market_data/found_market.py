"""The market that files of bars tell of: its exchange, its tickers, what they hold and what they lack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from evergreen.adapters.bars.files import bar_files, files_in, read_files
from evergreen.core.bars.calendar import Calendar
from evergreen.errors import NoBars
from evergreen.market_data.exchange_fit import CURRENCIES, nearest
from evergreen.market_data.validate_files import inspect_bars

STRANGE = 0.02  # of the dates: with more that fit no exchange, the nearest one is a guess


@dataclass(frozen=True)
class FoundMarket:
    """What the files hold.

    `absent` counts the exchange's sessions between `first` and `last` without any bar, `strange` the dates that are
    none of its sessions, `lacking` by ticker the sessions missing within its own span.
    """

    folder: Path
    calendar: str
    currency: str
    tickers: tuple[str, ...]
    bars: int
    sessions: int
    first: pd.Timestamp
    last: pd.Timestamp
    absent: int
    strange: int
    lacking: Mapping[str, int]
    refusing: int
    remarks: int
    unreadable: tuple[str, ...]

    @property
    def surely(self) -> bool:
        """Whether the dates are the exchange's."""
        return self.strange <= STRANGE * self.sessions


def read_market(folder: Path, exchange: str, now: datetime) -> FoundMarket:
    """The market of the files below `folder`, at `now` (UTC); an empty `exchange` is found by the dates.

    Raises:
        NoBars: no file in it could be read as bars.
        BadSetting: no such exchange.
    """
    if not folder.exists() or not bar_files(folder):
        raise NoBars(
            f"{folder} holds no bars.", "Name a folder with CSV or Parquet files, one a ticker or one for all."
        )
    content = read_files(files_in(folder))
    if content.bars.empty:
        raise NoBars(f"no file in {folder} could be read as bars.", f"See `evergreen validate {folder}`.")
    dates = pd.DatetimeIndex(content.bars["session"].dropna().unique()).sort_values()
    calendar = Calendar(exchange) if exchange else nearest(dates)
    sessions = calendar.sessions(dates[0], dates[-1])
    findings = content.findings + inspect_bars(content.bars, calendar, now)
    refusing = sum(finding.severity != "warn" for finding in findings)
    return FoundMarket(
        folder=folder,
        calendar=calendar.exchange,
        currency=CURRENCIES.get(calendar.exchange, "USD"),
        tickers=tuple(sorted(content.bars["ticker"].dropna().unique())),
        bars=len(content.bars),
        sessions=len(dates),
        first=dates[0],
        last=dates[-1],
        absent=len(sessions.difference(dates)),
        strange=len(dates.difference(sessions)),
        lacking=_lacking(content.bars, sessions),
        refusing=refusing,
        remarks=len(findings) - refusing,
        unreadable=tuple(str(error) for error in content.unreadable),
    )


def _lacking(bars: pd.DataFrame, sessions: pd.DatetimeIndex) -> dict[str, int]:
    """By ticker, how many sessions between its own first and last bar have none; the worst first."""
    own = bars.groupby("ticker")["session"].agg(["min", "max", "nunique"])
    spans = sessions.searchsorted(own["max"], side="right") - sessions.searchsorted(own["min"], side="left")
    lacking = pd.Series(spans - own["nunique"].to_numpy(), own.index)
    worst = lacking[lacking > 0].sort_values(ascending=False, kind="stable")
    return {str(ticker): int(count) for ticker, count in worst.items()}
