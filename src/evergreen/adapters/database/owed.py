"""The ledger of bars that have not arrived: one row a ticker and session, kept after it is settled too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, func, select

from evergreen.adapters.database.rows import every, upsert, values
from evergreen.adapters.database.schema import owed_bar

Settlement = Literal["arrived", "refused", "written_off"]
SHOWN = 4  # tickers named: the count tells of the others
Key = tuple[str, str]  # ticker and ISO session


@dataclass(frozen=True, kw_only=True)
class OwedBar:
    """A bar that was not there when it was due.

    `since`: when it was first missed; `forecast_missed`: whether the session after had closed before it came, so that
    no forecast was made from it; `noticed`: whether people were told. `settlement`, `settled_at` and `reason` are
    empty while it is owed.
    """

    ticker: str
    session: str
    source: str
    since: datetime
    forecast_missed: bool = False
    noticed: bool = False
    settlement: Settlement | None = None
    settled_at: datetime | None = None
    reason: str = ""

    @property
    def key(self) -> Key:
        """What names the bar."""
        return self.ticker, self.session


def keep(conn: Connection, bars: Sequence[OwedBar]) -> None:
    """Enter bars, or replace what the ledger says of them."""
    upsert(conn, owed_bar, [values(bar) for bar in bars])


def open_bars(conn: Connection, tickers: Iterable[str] | None = None) -> list[OwedBar]:
    """What is owed (of `tickers`, if given), oldest first."""
    query = select(owed_bar).where(owed_bar.c.settlement.is_(None)).order_by(owed_bar.c.session, owed_bar.c.ticker)
    among = None if tickers is None else set(tickers)
    return [bar for bar in every(conn, query, OwedBar) if among is None or bar.ticker in among]


def settled_bars(conn: Connection, settlement: Settlement) -> list[OwedBar]:
    """What was owed and is settled so, oldest first."""
    query = select(owed_bar).where(owed_bar.c.settlement == settlement)
    return every(conn, query.order_by(owed_bar.c.session, owed_bar.c.ticker), OwedBar)


def count_open(conn: Connection) -> int:
    """How many bars are owed."""
    query = select(func.count()).select_from(owed_bar).where(owed_bar.c.settlement.is_(None))
    return int(conn.execute(query).scalar_one())


def summary(owed: Sequence[OwedBar]) -> str:
    """One sentence on what is owed, empty for nothing."""
    if not owed:
        return ""
    tickers = list(dict.fromkeys(bar.ticker for bar in owed))
    sessions = sorted({bar.session for bar in owed})
    names = ", ".join(tickers[:SHOWN]) + (f" and {len(tickers) - SHOWN} more" if len(tickers) > SHOWN else "")
    days = sessions[0] if len(sessions) == 1 else f"{sessions[0]} to {sessions[-1]} ({len(sessions)} sessions)"
    return f"{len(owed)} bar{'s' * (len(owed) > 1)} of {days} owed: {names}"


def by_session(owed: Sequence[OwedBar]) -> list[dict[str, str | int]]:
    """One row a session: how many bars are owed of it, since when, and the first tickers."""
    sessions: dict[str, list[OwedBar]] = {}
    for bar in owed:
        sessions.setdefault(bar.session, []).append(bar)
    return [
        {
            "session": session,
            "bars": len(bars),
            "missed since": f"{min(bar.since for bar in bars):%Y-%m-%d %H:%M}",
            "tickers": ", ".join(bar.ticker for bar in bars[:SHOWN]),
        }
        for session, bars in sorted(sessions.items())
    ]
