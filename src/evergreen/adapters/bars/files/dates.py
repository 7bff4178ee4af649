"""Step four: which day each row is about, by one form for the whole file."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evergreen.errors import BadInput

_ISO = {
    r"\d{4}-\d{1,2}-\d{1,2}": "%Y-%m-%d",
    r"\d{4}/\d{1,2}/\d{1,2}": "%Y/%m/%d",
    r"\d{4}\.\d{1,2}\.\d{1,2}": "%Y.%m.%d",
    r"\d{8}(?=\.0$|$)": "%Y%m%d",
    r"\d{1,2}[- ][A-Za-z]{3}[- ]\d{4}": "%d-%b-%Y",
    r"[A-Za-z]{3} \d{1,2} \d{4}": "%b-%d-%Y",
    r"\d{1,2}[- ][A-Za-z]{4,} \d{4}": "%d-%B-%Y",
    r"[A-Za-z]{4,} \d{1,2} \d{4}": "%B-%d-%Y",
}
_NUMERIC = r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})(?!\d)"
_EPOCH = r"\d{10}|\d{13}"
_ISO_LENGTH = len("2018-02-07")
_HINT = "Write them as YYYY-MM-DD."


@dataclass(frozen=True)
class Days:
    """For each row its day (NaT where none can be read) and its time of day as text; `decision` if one was made."""

    days: pd.Series
    times: pd.Series
    decision: str = ""


def read_days(column: pd.Series) -> Days:
    """The days of a column of dates: timestamps, ISO, YYYYMMDD, names of months, seconds since 1970, or numbers with
    the day or the month first, whichever the whole column says.

    Raises:
        BadInput: no form fits, or day and month cannot be told apart.
    """
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        local = column.dt.tz_localize(None) if column.dt.tz is not None else column
        days = local.dt.normalize()
        return Days(days, _clock_times(local - days))
    if (plain := _plain_iso(column)) is not None:
        return Days(plain, pd.Series("", index=column.index))
    text = column.astype(object).where(column.notna(), "").astype(str).str.strip().str.replace(",", " ", regex=False)
    codes, uniques = pd.factorize(text.str.replace(r"\s+", " ", regex=True))
    days, decision = _parsed(pd.Series(uniques, dtype=object).astype(str))
    times = pd.Series(uniques, dtype=object).astype(str).str.extract(r"[T ](\d{1,2}:\d{2}(?::\d{2})?)")[0].fillna("")
    return Days(
        pd.Series(days.to_numpy()[codes], index=column.index).astype("datetime64[us]"),
        pd.Series(times.to_numpy()[codes], index=column.index),
        decision,
    )


def _plain_iso(column: pd.Series) -> pd.Series | None:
    """The days of a column that has YYYY-MM-DD throughout, as most files have; None for another."""
    texts = column.to_numpy()
    if not all(type(text) is str and len(text) == _ISO_LENGTH and text[4] == text[7] == "-" for text in texts):
        return None
    try:
        return pd.Series(texts.astype("datetime64[D]").astype("datetime64[us]"), index=column.index)
    except ValueError:
        return None


def _clock_times(since_midnight: pd.Series) -> pd.Series:
    """Times as text, NaN where there is none: written once each, for a file has few and writing is slow."""
    codes, distinct = pd.factorize(since_midnight)
    texts = (pd.Timestamp(0) + pd.TimedeltaIndex(distinct)).strftime("%H:%M:%S")
    return pd.Series(np.append(texts.to_numpy(dtype=object), np.nan)[codes], index=since_midnight.index)


def _parsed(text: pd.Series) -> tuple[pd.Series, str]:
    if not len(text):
        return pd.Series(dtype="datetime64[us]"), ""
    fits = {pattern: text.str.match(pattern).sum() for pattern in (*_ISO, _NUMERIC, _EPOCH)}
    best = max(fits, key=lambda pattern: fits[pattern])
    if not fits[best]:
        raise BadInput(f"dates such as {text.iloc[0]!r} cannot be read.", _HINT)
    if best == _EPOCH:
        return _since_1970(text)
    if best == _NUMERIC:
        return _day_or_month_first(text)
    day = text.str.extract(f"^({best})")[0].str.replace(" ", "-", regex=False)
    days = pd.to_datetime(day, format=_ISO[best], errors="coerce")
    if not days.notna().any():
        raise BadInput(f"dates such as {text.iloc[0]!r} are no days.", _HINT)
    return days, ""


def _since_1970(text: pd.Series) -> tuple[pd.Series, str]:
    seconds = pd.to_numeric(text.where(text.str.fullmatch(_EPOCH)), errors="coerce")
    seconds = seconds.where(seconds < 1e11, seconds / 1000)
    moments = pd.to_datetime(seconds, unit="s")
    if (moments.dropna() != moments.dropna().dt.normalize()).any():
        raise BadInput(f"dates such as {text.iloc[0]} are seconds since 1970, and not midnights.", _HINT)
    return moments, f"dates such as {text.iloc[0]} are read as seconds since 1970"


def _day_or_month_first(text: pd.Series) -> tuple[pd.Series, str]:
    parts = text.str.extract(f"^{_NUMERIC}").apply(pd.to_numeric)
    first, second, year = parts[0], parts[1], parts[2]
    year = year.where(~(year < 100), np.where(year < 70, year + 2000, year + 1900))
    example = str(text.iloc[0])
    readings = {"day": _calendar_days(year, second, first), "month": _calendar_days(year, first, second)}
    possible = [order for order, days in readings.items() if not (days.isna() & first.notna()).any()]
    if len(possible) > 1:
        possible = [order for order in possible if (readings[order].dt.dayofweek.dropna() < 5).all()] or possible
    if len(possible) > 1 and re.match(r"\d+\.", example):
        possible = ["day"]  # with points the day stands first, wherever dates are written so
    if len(possible) != 1:
        why = "may have day or month first" if possible else "have neither day nor month first throughout"
        raise BadInput(f"dates such as {example!r} {why}.", _HINT)
    decision = f"dates such as {example} are read with the day first" if possible == ["day"] else ""
    return readings[possible[0]], decision


def _calendar_days(year: pd.Series, month: pd.Series, day: pd.Series) -> pd.Series:
    return pd.to_datetime(pd.DataFrame({"year": year, "month": month, "day": day}), errors="coerce")
