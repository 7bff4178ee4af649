"""Step four: which day each row is about, by one form for the whole file."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evergreen.adapters.bars.files.spellings import plain
from evergreen.errors import BadInput

_ISO = {  # what tells its own order; in one file they may stand beside each other
    r"\d{4}-\d{1,2}-\d{1,2}": "%Y-%m-%d",
    r"\d{4}/\d{1,2}/\d{1,2}": "%Y/%m/%d",
    r"\d{4}\.\d{1,2}\.\d{1,2}": "%Y.%m.%d",
    r"\d{8}(?=\.0$|$)": "%Y%m%d",
}
_WORD = r"[^\W\d_]{3,}"
_BETWEEN = r"[-/., ]+"
_NAMED = (  # with a weekday before it or not
    rf"^(?:{_WORD}{_BETWEEN})?(?P<day>\d{{1,2}}){_BETWEEN}(?P<month>{_WORD}){_BETWEEN}(?P<year>\d{{4}}|\d{{2}})(?!\d)",
    rf"^(?:{_WORD}{_BETWEEN})?(?P<month>{_WORD}){_BETWEEN}(?P<day>\d{{1,2}}){_BETWEEN}(?P<year>\d{{4}})(?!\d)",
)
_FIRST_LETTERS = (  # of the months without marks, in English, German, French, Spanish, Italian and Portuguese
    "jan ene gen, feb fev, mar mrz, apr abr avr, may mai mag, jun giu, jul lug, aug ago aou, sep set, oct okt ott out, "
    "nov, dec dez dic"
)
_MONTHS = {name: month for month, names in enumerate(_FIRST_LETTERS.split(","), start=1) for name in names.split()}
_MONTHS |= {"juin": 6, "juil": 7}
_NUMERIC = r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})(?!\d)"
_EPOCH = r"\d{10}|\d{13}|\d{16}|\d{19}"
_HALF_DAY = pd.Timedelta(hours=12)
_SECONDS = 10  # digits, from 2001 to 2286
_SUNDAY = 6
_TELLING = (4, _SUNDAY)  # a week of sessions that has Fridays stands as it is, one that has Sundays lies a day before
_STRAY = 0.05  # of the dates: more that cannot be read are no stray lines
_FEW = 2
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
    the day or the month first, whichever the whole column says. Midnights of an exchange east of Greenwich that were
    written in UTC are brought back to their day: as they stand they fall on Sundays.

    Raises:
        BadInput: no form fits, there are two that cannot be told apart, or day and month cannot be.
    """
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        local = column.dt.tz_localize(None) if column.dt.tz is not None else column
        days = local.dt.normalize()
        return _of_the_exchange(Days(days, _clock_times(local - days)))
    if (plain := _plain_iso(column)) is not None:
        return Days(plain, pd.Series("", index=column.index))
    text = column.astype(object).where(column.notna(), "").astype(str).str.strip().str.replace(r"\s+", " ", regex=True)
    text = text.str.replace(r"^(\d+)\.0+$", r"\1", regex=True)
    codes, uniques = pd.factorize(text.str.replace(r"(?<=\d)[年月](?=\d)", "-", regex=True).str.replace("日", ""))
    written = pd.Series(uniques, dtype=object).astype(str)
    days, decision = _parsed(written)
    times = written.str.extract(r"[T ](\d{1,2}:\d{2}(?::\d{2})?)")[0].fillna("")
    if days.dt.normalize().ne(days).any():
        times = days.dt.strftime("%H:%M:%S")
    return _of_the_exchange(
        Days(
            pd.Series(days.dt.normalize().to_numpy()[codes], index=column.index).astype("datetime64[us]"),
            pd.Series(times.to_numpy()[codes], index=column.index),
            decision,
        )
    )


def _of_the_exchange(read: Days) -> Days:
    """Days with times after noon that fall on Sundays, where half a day later none falls on a weekend: the next."""
    if not (read.days.dt.dayofweek == _SUNDAY).any():
        return read
    hours = pd.to_timedelta(read.times.fillna("").astype(str).replace("", "0:00").map(_with_seconds), errors="coerce")
    moved = (read.days + hours + _HALF_DAY).dt.normalize().astype(read.days.dtype)
    if moved.equals(read.days) or (moved.dt.dayofweek > _SUNDAY - 2).any():
        return read
    first = (read.days + hours)[moved != read.days].iloc[0]
    decision = f"dates such as {first:%Y-%m-%d %H:%M} are midnights of an exchange to the east: read as the day after"
    return Days(moved, read.times, "; ".join(filter(None, [read.decision, decision])))


def _with_seconds(time: str) -> str:
    return time if time.count(":") > 1 else f"{time}:00"


def _plain_iso(column: pd.Series) -> pd.Series | None:
    """The days of a column that has YYYY-MM-DD throughout, as most files have; None for another."""
    if not len(column) or column.dtype != object or not isinstance(column.iloc[0], str):
        return None
    texts = column.to_numpy().astype(str)  # as wide as the longest of them
    letters = texts.view(np.uint32).reshape(len(texts), -1)
    if letters.shape[1] != _ISO_LENGTH or not (letters[:, [4, 7]] == ord("-")).all() or not letters.all():
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
    """The moments that texts tell, each given once, NaT where none can be read, and what was decided."""
    if not len(text):
        return pd.Series(dtype="datetime64[us]"), ""
    days = _self_told(text)
    numeric, epoch = text.str.match(_NUMERIC) & days.isna(), text.str.fullmatch(_EPOCH) & days.isna()
    decision = ""
    if days.notna().any() and numeric.any():
        first, second = text[days.notna()].iloc[0], text[numeric].iloc[0]
        raise BadInput(f"dates are written in two ways, {first!r} and {second!r}.", _HINT)
    if numeric.sum() > epoch.sum():
        days, decision = _day_or_month_first(text)
    elif epoch.any():
        days, decision = days.where(~epoch, _since_1970(text)), f"dates such as {text[epoch].iloc[0]} count from 1970"
    _refuse_unread(text, days)
    return days, decision


def _self_told(text: pd.Series) -> pd.Series:
    """Days written year first, or with the month in words."""
    days = pd.Series(pd.NaT, index=text.index, dtype="datetime64[us]")
    for pattern, form in _ISO.items():
        days = days.fillna(pd.to_datetime(text.str.extract(f"^({pattern})")[0], format=form, errors="coerce"))
    for pattern in _NAMED:
        if days.isna().any():
            parts = text.str.extract(pattern)
            year, day = pd.to_numeric(parts["year"]), pd.to_numeric(parts["day"])
            days = days.fillna(_calendar_days(_in_full(year), parts["month"].map(_month, na_action="ignore"), day))
    return days


def _month(name: str) -> float:
    letters = plain(name)
    return _MONTHS.get(letters[:4], _MONTHS.get(letters[:3], np.nan))


def _in_full(year: pd.Series) -> pd.Series:
    """Years of two digits in the century that they can be of."""
    return year.mask(year < 100, (year + 2000).where(year < 70, year + 1900))


def _since_1970(text: pd.Series) -> pd.Series:
    """The moments that whole seconds, or thousandths, millionths or billionths of them, count to."""
    count = pd.to_numeric(text.where(text.str.fullmatch(_EPOCH)), errors="coerce")
    moments = pd.to_datetime(count / 10.0 ** (text.str.len() - _SECONDS), unit="s").astype("datetime64[us]")
    if (moments.dropna() != moments.dropna().dt.normalize()).any() and not moments.dt.dayofweek.isin(_TELLING).any():
        raise BadInput(f"dates such as {text.iloc[0]} count from 1970 and are not midnights.", _HINT)
    return moments


def _refuse_unread(text: pd.Series, days: pd.Series) -> None:
    """Stray lines have no date; what has digits where most rows have a date is a date that was not understood."""
    unread = days.isna() & text.str.contains(r"\d")
    if unread.sum() > max(_FEW, _STRAY * len(text)) or not days.notna().any():
        example = text[unread].iloc[0] if unread.any() else text.iloc[0]
        raise BadInput(f"dates such as {example!r} cannot be read.", _HINT)


def _day_or_month_first(text: pd.Series) -> tuple[pd.Series, str]:
    parts = text.str.extract(f"^{_NUMERIC}").apply(pd.to_numeric)
    first, second, year = parts[0], parts[1], parts[2]
    year = _in_full(year)
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
