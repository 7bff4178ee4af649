"""Step three: what the numbers are, by one convention for the whole file."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from evergreen.adapters.bars.files.opening import ABSENT
from evergreen.errors import BadInput

_DECORATION = r"[\s\u00a0\u202f'’$€£¥]"  # currencies, and what stands between thousands in some countries
_POINT = r"-?(?:\d{1,3}(?:,\d{3})+\.\d*|\d*\.(?:\d{1,2}|\d{4,})|0?\.\d+|\d{4,}\.\d+|\d{1,3}(?:,\d{2,3}){2,})[KMB]?"
_UNSURE = r"-?[1-9]\d{0,2}\.\d{3}[KMB]?"
_SWAP = str.maketrans(".,", ",.")
_SUFFIX = {"K": 1e3, "M": 1e6, "B": 1e9}
_HINT = "Write them with a decimal point and without separators of thousands."


def read_numbers(columns: Mapping[str, pd.Series]) -> tuple[dict[str, pd.Series], str]:
    """The columns as floats, what is no number as NaN, and what was decided; empty where nothing had to be.

    Columns that are numbers already stay. From the texts of all others one decimal mark is found: by a mark with
    other than three digits after it, one beside another mark, or one of whole shares.

    Raises:
        BadInput: marks that contradict each other, or that may mean thousands or decimals.
    """
    texts = {name: _stripped(column) for name, column in columns.items() if not _is_number(column)}
    numbers = {name: column.astype(np.float64) for name, column in columns.items() if name not in texts}
    decimal, example = _decimal_mark(texts)
    for name, text in texts.items():
        numbers[name] = _to_floats(text, decimal)
    mark = "comma" if decimal == "," else "point"
    return numbers, f"numbers such as {example} are read with a decimal {mark}" if example else ""


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column.dtype)


def _stripped(column: pd.Series) -> pd.Series:
    text = column.fillna("").astype(str).str.strip()
    return text.where(~text.isin(ABSENT), "").str.replace(_DECORATION, "", regex=True)


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


def _to_floats(text: pd.Series, decimal: str) -> pd.Series:
    thousands = "." if decimal == "," else ","
    plain = text.str.replace(thousands, "", regex=False).str.replace(decimal, ".", regex=False)
    numbers = pd.to_numeric(plain, errors="coerce").astype(np.float64)
    scale = plain.str[-1:].map(_SUFFIX)
    if scale.notna().any():
        return numbers.where(scale.isna(), pd.to_numeric(plain.str[:-1], errors="coerce") * scale)
    return numbers
