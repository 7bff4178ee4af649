"""A factor from its formula, in the words in which the 158 are written down: parsed here, no stranger's code runs."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import pandas as pd

from evergreen.core.features.declared import AdjustedBars, DeclaredFactor, factor
from evergreen.errors import BadInput

Value: TypeAlias = pd.DataFrame | float
BARS = ("open", "high", "low", "close", "volume", "vwap")
LONGEST = 500  # characters: the longest of the 158 has 121
WIDEST = 250  # sessions of one window, a year
HINT = "Write it as docs/features.md writes the others, such as: close / ref(close, 20) - 1."


@dataclass(frozen=True)
class Window:
    """A function of series over the last d sessions: how many series it takes, and whether a share follows d."""

    compute: Callable[..., pd.DataFrame]
    series: int = 1
    share: bool = False


def _slope(x: pd.DataFrame, d: int) -> pd.DataFrame:
    return (_weighted(x, d) - (d + 1) / 2 * x.rolling(d).sum()) * 12 / (d * (d * d - 1.0))


def _weighted(x: pd.DataFrame, d: int) -> pd.DataFrame:
    """The sum of x times its place in the window, from 1."""
    total = x * float(d)
    for back in range(1, d):
        total = total + x.shift(back) * float(d - back)
    return total


def _resi(x: pd.DataFrame, d: int) -> pd.DataFrame:
    return x - x.rolling(d).mean() - _slope(x, d) * (d - 1) / 2


def _rsquare(x: pd.DataFrame, d: int) -> pd.DataFrame:
    return _slope(x, d) ** 2 * ((d * d - 1.0) / 12) / x.rolling(d).var(ddof=0)


def _place(x: pd.DataFrame, d: int, of: Callable[..., int]) -> pd.DataFrame:
    return x.rolling(d).apply(lambda window: of(window) + 1.0, raw=True)


WINDOWS = {
    "ref": Window(lambda x, d: x.shift(d)),
    "mean": Window(lambda x, d: x.rolling(d).mean()),
    "sum": Window(lambda x, d: x.rolling(d).sum()),
    "std": Window(lambda x, d: x.rolling(d).std()),
    "max": Window(lambda x, d: x.rolling(d).max()),
    "min": Window(lambda x, d: x.rolling(d).min()),
    "rank": Window(lambda x, d: x.rolling(d).rank(pct=True)),
    "quantile": Window(lambda x, d, share: x.rolling(d).quantile(share), share=True),
    "corr": Window(lambda x, y, d: x.rolling(d).corr(y), series=2),
    "slope": Window(_slope),
    "rsquare": Window(_rsquare),
    "resi": Window(_resi),
    "idxmax": Window(partial(_place, of=np.argmax)),
    "idxmin": Window(partial(_place, of=np.argmin)),
}
PLAIN: dict[str, Callable[..., Value]] = {
    "abs": np.abs,
    "log": np.log,
    "greater": np.maximum,
    "less": np.minimum,
}
ARITY = {"abs": 1, "log": 1, "greater": 2, "less": 2}
OPERATORS: dict[type[ast.AST], Callable[[Value, Value], Value]] = {
    ast.Add: lambda x, y: x + y,
    ast.Sub: lambda x, y: x - y,
    ast.Mult: lambda x, y: x * y,
    ast.Div: lambda x, y: x / y,
    ast.Gt: lambda x, y: _holds(x, y, x > y),
    ast.Lt: lambda x, y: _holds(x, y, x < y),
}


@dataclass(frozen=True)
class FormulaFactor(DeclaredFactor):
    """A factor that its formula alone makes."""

    @property
    def view(self) -> str:
        """As of any declared factor: another formula under the same name is another view."""
        return f"{self.name}_{hashlib.sha256(self.formula.encode()).hexdigest()[:8]}"


def from_formula(name: str, formula: str) -> FormulaFactor:
    """A factor by its formula: `ref`, `mean`, `std` and the like as `Factor` tells, + - * /, < and > as 1 or 0.

    The sessions it reads follow from its windows. No formula can look ahead but by a level, which later splits rescale;
    the audit of a training set finds those.

    Raises:
        BadInput: no usable name, or a formula with anything else in it.
    """
    tree = _parse(formula)
    before = _reaches(tree)
    if not any(isinstance(node, ast.Name) and node.id in BARS for node in ast.walk(tree)):
        raise _refused(formula, "it reads no bar")
    declared = factor(before + 1, name, formula)(partial(_frame, tree))
    return FormulaFactor(declared.name, declared.formula, declared.lookback, declared.function)


def _parse(formula: str) -> ast.expr:
    if len(formula) > LONGEST:
        raise BadInput(f"a formula of {len(formula)} characters is too long.", f"Take {LONGEST} at most.")
    try:
        return ast.parse(formula.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _refused(formula, "it cannot be parsed") from None


def _reaches(node: ast.expr) -> int:
    """How many sessions before its own a formula reads; refuses what is not of the language."""
    match node:
        case ast.Name(id=name) if name in BARS:
            return 0
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            return 0
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _reaches(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return max(_reaches(left), _reaches(right))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in OPERATORS:
            return max(_reaches(left), _reaches(right))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in PLAIN and len(args) == ARITY[name]:
            return max(map(_reaches, args))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in WINDOWS:
            return _window_reaches(name, args, node)
    raise _refused(ast.unparse(node), "it is not of the language")


def _window_reaches(name: str, args: list[ast.expr], node: ast.expr) -> int:
    window = WINDOWS[name]
    if len(args) != window.series + 1 + window.share:
        raise _refused(ast.unparse(node), "it has too many arguments or too few")
    match args[window.series]:
        case ast.Constant(value=int() as sessions) if 1 <= sessions <= WIDEST:
            own = sessions if name == "ref" else sessions - 1
            return own + max(map(_reaches, args[: window.series]))
    raise _refused(ast.unparse(node), f"its window is no whole number from 1 to {WIDEST}")


def _frame(tree: ast.expr, bars: AdjustedBars) -> pd.DataFrame:
    value = _value(tree, bars)
    return value if isinstance(value, pd.DataFrame) else bars.close * 0.0 + value


def _value(node: ast.expr, bars: AdjustedBars) -> Value:
    match node:
        case ast.Name(id=name):
            return getattr(bars, name)  # type: ignore[no-any-return]
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.UnaryOp(operand=operand):
            return -_value(operand, bars)
        case ast.BinOp(left=left, op=op, right=right) | ast.Compare(left=left, ops=[op], comparators=[right]):
            return OPERATORS[type(op)](_value(left, bars), _value(right, bars))
        case ast.Call(func=ast.Name(id=name), args=args) if name in PLAIN:
            return PLAIN[name](*(_value(each, bars) for each in args))
        case ast.Call(func=ast.Name(id=name), args=args):
            window = WINDOWS[name]
            series = [_series(each, bars) for each in args[: window.series]]
            return window.compute(*series, *map(ast.literal_eval, args[window.series :]))
    raise AssertionError("a parsed formula has no other parts")


def _series(node: ast.expr, bars: AdjustedBars) -> pd.DataFrame:
    return _frame(node, bars)


def _holds(x: Value, y: Value, truth: pd.DataFrame | bool) -> Value:
    """1 where it holds, 0 where not, and nothing where either is not known."""
    known = x * 0.0 + y * 0.0
    return known + truth


def _refused(part: str, why: str) -> BadInput:
    return BadInput(f"{part!r} is no formula: {why}.", HINT)
