"""Whether the days of a delivery are those of its exchange, or fit another one."""

from __future__ import annotations

import pandas as pd

from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.session import iso
from evergreen.core.quality import Finding
from evergreen.errors import BadInput

# What is traded in, by exchange: those with most listed companies, in each time zone. A market not among them is not
# proposed, and never blocked for; of two that fit alike the first is taken.
CURRENCIES = {
    **{"XNYS": "USD", "XTSE": "CAD", "BVMF": "BRL", "XMEX": "MXN", "XLON": "GBP", "XETR": "EUR", "XPAR": "EUR"},
    **{"XMAD": "EUR", "XMIL": "EUR", "XSWX": "CHF", "XSTO": "SEK", "XCSE": "DKK", "XHEL": "EUR", "XOSL": "NOK"},
    **{"XWAR": "PLN", "XIST": "TRY", "XTAE": "ILS", "XSAU": "SAR", "XJSE": "ZAR", "XBOM": "INR", "XTKS": "JPY"},
    **{"XKRX": "KRW", "XTAI": "TWD", "XHKG": "HKD", "XSHG": "CNY", "XSES": "SGD", "XASX": "AUD", "XNZE": "NZD"},
    "24/7": "USD",
}
FEWEST_AMISS = 4  # days: fewer may be special sessions, or an outage of the vendor's
BETTER = 4  # times fewer days amiss than on the exchange that is set
JUDGED = 750  # days: three years hold each holiday of an exchange at least three times
MOST_AMISS = 0.01  # of the days: what special sessions, and holidays that a calendar lacks, come to


def wrong_exchange(bars: pd.DataFrame, calendar: Calendar) -> list[Finding]:
    """One finding, which blocks, where the days with bars fit another exchange and not `calendar`; else none.

    Days are compared with the sessions between the first and the last of them: those that are no session, and sessions
    without any bar, are amiss.
    """
    days = pd.DatetimeIndex(bars["session"].dropna().unique()).sort_values()
    own = days_amiss(days, calendar)
    if own is None or own < FEWEST_AMISS:
        return []
    amiss = {name: days_amiss(days, Calendar(name)) for name in CURRENCIES if name != calendar.exchange.upper()}
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


def nearest(days: pd.DatetimeIndex) -> Calendar:
    """The exchange with fewest of `days` (sorted) amiss, by the newest of them."""
    newest, amiss = days[-JUDGED:], dict[str, int]()
    for name in CURRENCIES:
        count = days_amiss(newest, Calendar(name))
        amiss[name] = len(newest) if count is None else count
        if count == 0:
            break
    return Calendar(min(amiss, key=amiss.__getitem__))


def days_amiss(days: pd.DatetimeIndex, calendar: Calendar) -> int | None:
    """How many of `days` (sorted) are no session, and of the sessions between them none of `days`; None where the
    exchange has no record of them."""
    if not len(days):
        return 0
    try:
        return len(days.symmetric_difference(calendar.sessions(days[0], days[-1])))
    except BadInput:
        return None
