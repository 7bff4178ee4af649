"""Whether the days of a delivery are those of its exchange, or fit another one."""

from __future__ import annotations

import pandas as pd

from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.session import iso
from evergreen.core.quality import Finding
from evergreen.errors import BadInput

# Those with most listed companies, in each time zone; a market not among them is not proposed, and never blocked for.
CANDIDATES = (
    *("XNYS", "XTSE", "BVMF", "XMEX", "XLON", "XETR", "XPAR", "XMAD", "XMIL", "XSWX", "XSTO", "XCSE", "XHEL", "XOSL"),
    *("XWAR", "XIST", "XTAE", "XSAU", "XJSE", "XBOM", "XTKS", "XKRX", "XTAI", "XHKG", "XSHG", "XSES", "XASX", "XNZE"),
    "24/7",
)
FEWEST_AMISS = 4  # days: fewer may be special sessions, or an outage of the vendor's
BETTER = 4  # times fewer days amiss than on the exchange that is set
MOST_AMISS = 0.01  # of the days: what special sessions, and holidays that a calendar lacks, come to


def wrong_exchange(bars: pd.DataFrame, calendar: Calendar) -> list[Finding]:
    """One finding, which blocks, where the days with bars fit another exchange and not `calendar`; else none.

    Days are compared with the sessions between the first and the last of them: those that are no session, and sessions
    without any bar, are amiss.
    """
    days = pd.DatetimeIndex(bars["session"].dropna().unique()).sort_values()
    own = _amiss(days, calendar)
    if own is None or own < FEWEST_AMISS:
        return []
    amiss = {name: _amiss(days, Calendar(name)) for name in CANDIDATES if name != calendar.exchange.upper()}
    fits = sorted((count, name) for name, count in amiss.items() if count is not None)
    fewest = fits[0][0] if fits else own
    if fewest * BETTER > own or fewest > MOST_AMISS * len(days):
        return []
    best = [name for count, name in fits if count == fewest]
    others = f" (or {', '.join(best[1:4])})" if best[1:] else ""
    message = (
        f"these {len(days):,} days fit {best[0]}{others} but for {fewest}, and {calendar.exchange} but for {own}: "
        f'set [market] calendar = "{best[0]}", or pass --calendar {best[0]}'
    )
    return [Finding("wrong_exchange", "block", "", days[0], "session", float(own), f"{iso(days[0])}: {message}")]


def _amiss(days: pd.DatetimeIndex, calendar: Calendar) -> int | None:
    """How many days are amiss on an exchange; None where it has no record of them."""
    try:
        return len(days.symmetric_difference(_sessions(days, calendar)))
    except BadInput:
        return None


def _sessions(days: pd.DatetimeIndex, calendar: Calendar) -> pd.DatetimeIndex:
    if not len(days):
        return days
    return calendar.sessions(days[0], days[-1])
