"""Rows that are no bars: named and left out, so that the bars beside them are kept."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from evergreen.core.bars.schema import KEYS, PRICES
from evergreen.errors import BadInput

_ACTION = r"(?i)dividend|split|distribution"
_INTRADAY_SHARE = 0.5  # of rows that share ticker and day with another one at another time: a day's row is not its bar
MOSTLY = 0.5  # of the days: on fewer a bar may have come twice
LIVE_STATES = 2  # times of one day that a live row beside the final one makes
SHOWN = 3  # rows named; the count tells of the others


def action_rows(table: pd.DataFrame, texts: Sequence[str]) -> pd.Series:
    """Rows that tell a dividend or split in words in one of the columns `texts`, where a number belongs, as Yahoo's
    pages have them."""
    words = pd.Series(False, index=table.index)
    for name in texts:
        words |= table[name].astype(str).str.contains(_ACTION)
    return words


def refuse_intraday(keys: pd.DataFrame, times: pd.Series) -> None:
    """Refuse bars of parts of a session.

    Raises:
        BadInput: most rows share their ticker and day with another row at another time of the day.
    """
    if times.nunique() < 2:
        return
    beside = keys[KEYS].assign(time=times).groupby(KEYS)["time"].transform("nunique")
    if (beside > LIVE_STATES).mean() >= _INTRADAY_SHARE:
        per_day = int(beside.median())
        raise BadInput(f"these are bars of parts of a session, {per_day} a day.", "Give one bar a session.")


def refuse_nameless(bars: pd.DataFrame) -> None:
    """Refuse bars of several names, of which no column says which is whose.

    Raises:
        BadInput: most days have several rows that disagree.
    """
    if bars["session"].is_unique:
        return
    different = bars[["session", *PRICES]].drop_duplicates()
    beside = different.groupby("session")["close"].size()
    if (beside > 1).mean() > MOSTLY and beside.median() > 1:
        raise BadInput(
            f"there are {int(beside.median())} bars a day, and no column says whose each is.", "Call it `ticker`."
        )


def refuse_currencies(tickers: pd.Series, currencies: pd.Series) -> None:
    """Refuse prices of one name in several currencies.

    Raises:
        BadInput: there are some.
    """
    pairs = pd.DataFrame({"ticker": tickers, "currency": currencies.astype(object)}).dropna().drop_duplicates()
    twice = pairs[pairs["ticker"].duplicated(keep=False)]
    if len(twice):
        (ticker, both) = next(iter(twice.groupby("ticker")["currency"]))
        raise BadInput(
            f"prices of {ticker} are in several currencies, {', '.join(sorted(map(str, both))[:4])}.",
            "Give all of them in one.",
        )


def live_rows(bars: pd.DataFrame, times: pd.Series) -> pd.Series:
    """Rows of a ticker's newest day that another row of that day goes beyond: the session as it stood earlier.

    Of two rows the later one has the wider range and more shares. A row with a time of day beside one without is the
    live one too.
    """
    early = pd.Series(False, index=bars.index)
    if bars["session"].is_unique or not bars.duplicated(KEYS).any():
        return early
    last = bars.groupby("ticker")["session"].transform("max")
    twice = bars[(bars["session"] == last) & bars.duplicated(KEYS, keep=False)]
    for _, rows in twice.groupby(KEYS):
        early.loc[_earlier(rows, times[rows.index])] = True
    return early


def _earlier(rows: pd.DataFrame, times: pd.Series) -> pd.Index:
    timed = ~times.isin(["", "00:00", "00:00:00"])
    if timed.any() and not timed.all():
        return rows.index[timed]
    values = rows[["open", "high", "low", "close", "volume"]].drop_duplicates()
    widest = values.sort_values("volume").iloc[-1]
    inside = (values["high"] <= widest["high"]) & (values["low"] >= widest["low"]) & (values["open"] == widest["open"])
    smaller = values.index[values["volume"] < widest["volume"]]
    return smaller if inside.all() and len(smaller) == len(values) - 1 else rows.index[:0]


def named(rows: pd.DataFrame) -> str:
    """How many rows there are and the first of them, as the file has them."""
    lines = rows.head(SHOWN).astype(object).where(rows.head(SHOWN).notna(), "").astype(str)
    first = "; ".join(",".join(line) for line in lines.itertuples(index=False))
    return f"{len(rows)} (first: {first})" if len(rows) > SHOWN else f"{len(rows)} ({first})"
