"""Step three: what the numbers are, by one convention for the whole file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from evergreen.adapters.bars.files.opening import ABSENT
from evergreen.errors import BadInput

_BETWEEN_THOUSANDS = r"(?<=\d)[\s\u00a0\u202f'’](?=\d{3}(?!\d))"
_LETTER = r"[^\W\d_]"
_MARKS = "$€£¥₹₩₽₺₪₫฿₴₦₱¢"
_LETTERS = "USD EUR GBP GBX GBp JPY CHF AUD CAD NZD HKD SGD CNY RMB INR KRW TWD SEK NOK DKK PLN BRL ZAR kr p Rs Fr zł"
_UNIT = rf"(?:US|HK|NT|MX|[ACRS])?\$|[{_MARKS}]|(?:{'|'.join(_LETTERS.split())})\.?(?!{_LETTER})"
_SCALE = {
    "K": 1e3, "TSD": 1e3, "LAKH": 1e5, "LAC": 1e5, "M": 1e6, "MN": 1e6, "MLN": 1e6, "MIO": 1e6,
    "CR": 1e7, "B": 1e9, "BN": 1e9, "MRD": 1e9,
}  # fmt: skip
_WRITTEN = (
    rf"^(?P<before>{_UNIT})?\s*(?P<number>[-+]?[\d.,]+(?:[eE][-+]?\d+)?)"
    rf"\s*(?P<scale>(?i:{'|'.join(sorted(_SCALE, key=len, reverse=True))})(?!{_LETTER}))?[.]?\s*(?P<after>{_UNIT})?$"
)
_POINT = r"[-+]?(?:\d{1,3}(?:,\d{3})+\.\d*|\d*\.(?:\d{1,2}|\d{4,})|0?\.\d+|\d{4,}\.\d+|\d{1,3}(?:,\d{2,3}){2,})"
_UNSURE = r"[-+]?[1-9]\d{0,2}\.\d{3}"
_SWAP = str.maketrans(".,", ",.")
_MOSTLY = 0.5  # of a column: with more that is no number the column is something else
_HINT = "Write them with a decimal point and without separators of thousands."


class Numbers(NamedTuple):
    """The columns as floats, the decimal mark they were read with, and what was decided, if anything had to be."""

    columns: dict[str, pd.Series]
    decimal: str = "."
    decision: str = ""


def read_numbers(columns: Mapping[str, pd.Series]) -> Numbers:
    """The columns as floats, what is no number as NaN.

    Columns that are numbers already stay. From the texts of all others one decimal mark is found: by a mark with
    other than three digits after it, one beside another mark, or one of whole shares. A unit (`$`, `USD`, `p`) is
    left out where it is the same throughout; a scale (`1.2M`, `3 Mio.`) counts.

    Raises:
        BadInput: marks that contradict each other or may mean thousands or decimals, several units, or a column that
            is mostly no numbers.
    """
    texts = {name: _taken_apart(column) for name, column in columns.items() if not _is_number(column)}
    numbers = {name: column.astype(np.float64) for name, column in columns.items() if name not in texts}
    if not texts:
        return Numbers(numbers)
    unit = _one_unit(texts)
    decimal, example = _decimal_mark({name: parts["number"] for name, parts in texts.items()})
    for name, parts in texts.items():
        numbers[name] = _to_floats(parts, decimal)
        _refuse_words(numbers[name], parts["text"])
    mark = "comma" if decimal == "," else "point"
    decisions = [f"numbers such as {example} are read with a decimal {mark}"] if example else []
    decisions += [f"prices are marked {unit} and enter as they are written"] if unit else []
    return Numbers(numbers, decimal, "; ".join(decisions))


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column.dtype)


def _taken_apart(column: pd.Series) -> pd.DataFrame:
    """What stands in each row: the `text`, its `number` without what divides thousands, `scale` and unit (`before` or
    `after` it); empty texts where there is none. Each spelling is taken apart once."""
    codes, distinct = pd.factorize(column.fillna("").astype(str).str.strip())
    text = pd.Series(distinct, dtype=object).astype(str)
    text = text.where(~text.isin(ABSENT), "")
    parts = text.str.replace(_BETWEEN_THOUSANDS, "", regex=True).str.extract(_WRITTEN).fillna("").assign(text=text)
    return parts.iloc[codes].set_axis(column.index)


def _one_unit(texts: Mapping[str, pd.DataFrame]) -> str:
    """The letters that mark prices, empty where there are none. On fewer than half of them they are no unit but a
    footnote (`p`: pence, or preliminary), and those prices are left open.

    Raises:
        BadInput: prices in several units.
    """
    prices = [parts for name, parts in texts.items() if name != "volume"]
    if not prices:
        return ""
    marks = pd.concat([parts["before"] + parts["after"] for parts in prices])
    units = marks[marks != ""].unique()
    if len(units) > 1:
        raise BadInput(f"prices are in several units, {', '.join(sorted(units)[:4])}.", "Give all of them in one.")
    if not len(units) or units[0] in _MARKS:
        return ""
    if (marks != "").mean() < _MOSTLY:
        for parts in prices:
            parts.loc[parts["before"] + parts["after"] != "", "number"] = ""
        return ""
    return str(units[0])


def _decimal_mark(texts: Mapping[str, pd.Series]) -> tuple[str, str]:
    """The decimal mark of the file, and a number it was decided by; none where no number needs it."""
    marked = {name: pd.Series(text.unique()) for name, text in texts.items()}
    marked = {name: text[text.str.contains("[.,]")] for name, text in marked.items()}
    prices = [text for name, text in marked.items() if name != "volume"]
    shares = marked.get("volume", pd.Series(dtype=str))
    tokens = pd.concat([*prices, shares], ignore_index=True).astype(str) if marked else shares
    point, comma = _matching(tokens, _POINT), _swapped(tokens, _POINT)
    if len(point) and len(comma):
        raise BadInput(f"numbers such as {point[0]} and {comma[0]} contradict each other.", _HINT)
    if len(point) or len(comma):
        separated = _matching(tokens, r".*,.*")
        return (",", comma[0]) if len(comma) else (".", separated[0] if len(separated) else "")
    return _by_whole_shares(pd.concat(prices, ignore_index=True) if prices else shares, shares)


def _by_whole_shares(prices: pd.Series, shares: pd.Series) -> tuple[str, str]:
    """Where every marked number has three digits after its mark: shares are whole, so theirs marks thousands."""
    thousands_comma, thousands_point = _swapped(shares, _UNSURE), _matching(shares, _UNSURE)
    unsure = [*_matching(prices, _UNSURE), *_swapped(prices, _UNSURE)]
    if len(thousands_comma) and not len(thousands_point):
        return ".", thousands_comma[0]
    if len(thousands_point) and not len(thousands_comma):
        return ",", thousands_point[0]
    if len(_swapped(prices, _UNSURE)):
        raise BadInput(f"numbers such as {unsure[0]} may mean thousands or decimals.", _HINT)
    return ".", ""


def _matching(tokens: pd.Series, pattern: str) -> list[str]:
    return list(tokens[tokens.astype(str).str.fullmatch(pattern).to_numpy(bool)].head(1)) if len(tokens) else []


def _swapped(tokens: pd.Series, pattern: str) -> list[str]:
    """As `_matching` with the marks in each other's place."""
    return [token.translate(_SWAP) for token in _matching(tokens.astype(str).str.translate(_SWAP), pattern)]


def _to_floats(parts: pd.DataFrame, decimal: str) -> pd.Series:
    thousands = "." if decimal == "," else ","
    plain = parts["number"].str.replace(thousands, "", regex=False).str.replace(decimal, ".", regex=False)
    numbers = pd.to_numeric(plain, errors="coerce").astype(np.float64)
    return numbers * parts["scale"].str.upper().map(_SCALE).fillna(1.0).astype(np.float64)


def _refuse_words(numbers: pd.Series, texts: pd.Series) -> None:
    written = texts != ""
    unread = written & numbers.isna()
    if unread.sum() > _MOSTLY * written.sum():
        raise BadInput(f"numbers such as {texts[unread].iloc[0]!r} cannot be read.", _HINT)
