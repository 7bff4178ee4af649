"""What a bar is: one ticker in one session, raw prices with the factor that adjusts them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from evergreen.errors import BadInput

KEYS = ["ticker", "session"]  # what names a bar
PRICES = ("open", "high", "low", "close")
NUMBERS = (*PRICES, "volume", "factor")
_DAY = 86_400_000_000  # microseconds
_ASSUMED = "known_at_assumed"
SUPPLIED = (*KEYS, *NUMBERS)  # what a source says of a bar
COLUMNS = (*SUPPLIED, "source", "known_at", _ASSUMED)
_TYPES = ["object", "datetime64[us]", *["float64"] * len(NUMBERS), "object", "datetime64[us, UTC]", "bool"]
REQUIRED = ("ticker", "session", *PRICES, "volume")


def conform(bars: pd.DataFrame) -> pd.DataFrame:
    """`bars` with exactly `COLUMNS`, canonical dtypes, sorted by ticker and session.

    What is absent is filled: `factor` 1.0 (raw prices are the adjusted ones), `source` "", `known_at` NaT
    (the store stamps it), `known_at_assumed` False. Other columns are dropped. Rows keep their order within
    equal (ticker, session). Bad values stay: judging them is the job of `core.quality`.

    Raises:
        BadInput: a required column is missing, or a column that cannot be numbers or dates.
    """
    missing = [column for column in REQUIRED if column not in bars.columns]
    if missing:
        raise BadInput(f"bars lack the column(s) {', '.join(missing)}.", f"They need {', '.join(REQUIRED)}.")
    order = canonical_order(bars)

    def ordered(name: str) -> pd.Series:
        return bars[name].take(order)

    columns = {  # one after another: a second whole frame beside millions of bars is what memory ends at
        "ticker": ordered("ticker").astype(object).to_numpy(),
        "session": _days(ordered("session")),
        **{name: _numbers(ordered(name), name) for name in NUMBERS if name in bars},
        "source": ordered("source").astype(object).to_numpy() if "source" in bars else "",
        "known_at": _instants(ordered("known_at") if "known_at" in bars else None, len(bars)),
        "known_at_assumed": ordered(_ASSUMED).to_numpy(bool) if _ASSUMED in bars else False,
    }
    columns.setdefault("factor", np.ones(len(bars)))
    return pd.DataFrame(columns, columns=list(COLUMNS), index=pd.RangeIndex(len(bars)), copy=False)


def is_conformed(bars: pd.DataFrame) -> bool:
    """Whether `bars` are as `conform` gives them, so that one who only reads them may take them as they are."""
    types = [str(kind) for kind in bars.dtypes]
    if tuple(bars.columns) != COLUMNS or types != _TYPES or not isinstance(bars.index, pd.RangeIndex):
        return False
    if (bars.index.start, bars.index.step) != (0, 1) or bars["session"].isna().any():
        return False
    tickers, sessions = bars["ticker"].to_numpy(), bars["session"].to_numpy()
    starts = np.flatnonzero(tickers[1:] != tickers[:-1]) + 1
    later = sessions[1:] >= sessions[:-1]
    later[starts - 1] = True
    names = tickers[np.r_[0, starts]] if len(tickers) else tickers
    if not all(isinstance(name, str) for name in names) or not later.all():
        return False
    return bool((names[1:] > names[:-1]).all()) and not (sessions.astype(np.int64) % _DAY).any()


def without(bars: pd.DataFrame, marked: pd.Series | np.ndarray[Any, np.dtype[np.bool_]]) -> pd.DataFrame:
    """`bars` but for those `marked`, counted from 0: they themselves, and no copy, where none is."""
    return bars[~marked].reset_index(drop=True) if marked.any() else bars


def canonical_order(bars: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Positions that sort `bars` by ticker, then session; stable, and quick on object tickers."""
    codes, _ = pd.factorize(bars["ticker"], sort=True)
    return np.lexsort((bars["session"].to_numpy(), codes))


def adjusted(bars: pd.DataFrame) -> pd.DataFrame:
    """`bars` with prices times `factor`, volume divided by it, `factor` then 1.0: twice is once.

    Only ratios of adjusted values mean anything: their level moves with every later split or dividend.
    """
    if "factor" not in bars.columns:
        return bars.copy()
    factor = bars["factor"]
    changed = {name: bars[name] * factor for name in PRICES}
    return bars.assign(**changed, volume=bars["volume"] / factor, factor=1.0)


def empty_bars() -> pd.DataFrame:
    """No bars, with the columns and dtypes of some."""
    return conform(pd.DataFrame({name: [] for name in REQUIRED}))


def _numbers(column: pd.Series, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    try:
        return column.to_numpy(np.float64, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise BadInput(f"the bars' column {name} is not numbers: {error}.", "Convert it first.") from None


def _days(days: pd.Series) -> pd.Series:
    if days.dtype == "datetime64[us]" and not (days.to_numpy().astype(np.int64) % _DAY).any():
        return days.reset_index(drop=True)
    try:
        stamps = pd.to_datetime(days, format="ISO8601")
    except (ValueError, TypeError) as error:
        raise BadInput(f"the bars' column session is not dates: {error}.", "Use ISO dates.") from None
    if isinstance(stamps.dtype, pd.DatetimeTZDtype):
        stamps = stamps.dt.tz_localize(None)
    return stamps.dt.normalize().astype("datetime64[us]").reset_index(drop=True)


def _instants(known_at: pd.Series | None, count: int) -> pd.Series:
    if known_at is None:
        return pd.Series(pd.NaT, index=pd.RangeIndex(count), dtype="datetime64[us, UTC]")
    return pd.to_datetime(known_at, utc=True).astype("datetime64[us, UTC]").reset_index(drop=True)
