"""A function by name and tables from files, brought together for `core.dataset.function_audit`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from evergreen.adapters.bars.files.layout import columns_of
from evergreen.adapters.bars.files.opening import DELIMITED, open_table, suffix_of, unreadable
from evergreen.core.bars.schema import PRICES
from evergreen.core.dataset.function_audit import Function, FunctionAuditor
from evergreen.core.dataset.output_lines import Roles
from evergreen.errors import BadInput, UnreadableFile

RESCALED = (*PRICES, "adjusted_close")


def load_function(target: str) -> Function:
    """The function that MODULE:FUNCTION names; modules of the current folder come first.

    Raises:
        BadInput: no such module or function, or a module that fails when it is imported.
    """
    module, _, name = target.partition(":")
    if not module or not name:
        raise BadInput(f"{target!r} names no function.", "Write MODULE:FUNCTION, such as factors:momentum.")
    sys.path.insert(0, str(Path.cwd()))
    try:
        function = getattr(importlib.import_module(module), name, None)
    except (Exception, SystemExit) as error:  # a stranger's module: whatever it raises is what is to be told
        raise BadInput(f"{module} cannot be imported: {type(error).__name__}: {error}.", "Fix it first.") from error
    finally:
        sys.path.pop(0)
    if not callable(function):
        raise BadInput(f"{module} has no function {name}.", "Look at its spelling.")
    return function  # type: ignore[no-any-return]


def read_own_table(path: str) -> pd.DataFrame:
    """A table under its own column names.

    Raises:
        UnreadableFile: it cannot be read.
    """
    form = suffix_of(path)
    if form and not form.startswith(DELIMITED):
        return open_table(path)
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise unreadable(path, form or ".csv", error) from None


def auditor(
    function: Function,
    bars: str,
    tables: Mapping[str, str],
    label: str = "",
    horizon: int = 1,
    adjusted: bool = True,
    seed: int = 7,
) -> FunctionAuditor:
    """An auditor of a function on the bars of a file, which it is given under the file's own column names.

    Args:
        function: called as function(bars, **tables).
        bars: path of a long table with a row for each ticker and session.
        tables: path of each other table by the name of its argument; with a column `known_at`.
        label: column of the output that may read `horizon` sessions ahead.
        horizon: sessions.
        adjusted: whether a split rescales earlier bars.
        seed: of what is changed.

    Raises:
        UnreadableFile: a file that cannot be read, or lacks dates, closes or `known_at`.
    """
    table = read_own_table(bars)
    columns = {role: str(table.columns[place]) for role, place in columns_of([str(c) for c in table.columns]).items()}
    if not {"session", "close"} <= columns.keys():
        raise UnreadableFile(f"{bars} has no column of dates or of closes.", "Give one row a ticker and session.")
    roles = Roles(
        session=columns["session"],
        ticker=columns.get("ticker", ""),
        prices=tuple(columns[name] for name in RESCALED if name in columns),
        volume=columns.get("volume", ""),
        factor=columns.get("factor", ""),
    )
    others = {name: _dated(path, read_own_table(path), "known_at") for name, path in tables.items()}
    return FunctionAuditor(function, _dated(bars, table, roles.session), roles, others, label, horizon, adjusted, seed)


def _dated(path: str, table: pd.DataFrame, column: str) -> pd.DataFrame:
    """The table with a column as dates without a time zone."""
    if column not in table:
        raise UnreadableFile(f"{path} has no column {column}.", "It says from when on each row was known.")
    try:
        dates = pd.to_datetime(table[column], utc=True).dt.tz_localize(None)
    except ValueError as error:
        raise UnreadableFile(
            f"{path}: {column} holds what is no date: {error}.", "Write dates as 2016-12-30."
        ) from None
    return table.assign(**{column: dates.astype("datetime64[ns]")})
