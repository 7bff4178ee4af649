"""Sources by name: those that come with the package, those that others register, and any class by its path."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import EntryPoint
from typing import Any, cast

from evergreen.adapters.bars.sources import BarSource
from evergreen.core.registered import attributed, entry_names, find_entry, load_entry
from evergreen.errors import BadSetting

GROUP = "evergreen.sources"
HOME = "evergreen.adapters.bars"
BUILT_IN = {
    "sample": f"{HOME}.sources:open_sample",
    "files": f"{HOME}.sources:open_files",
    "simulated": f"{HOME}.sources:open_simulated",
    "yahoo": f"{HOME}.yahoo:open_yahoo",
    "parquet": f"{HOME}.remote_files:open_parquet",
    "csv": f"{HOME}.remote_files:open_csv",
    "sessions": f"{HOME}.remote_files:open_sessions",
    "sql": f"{HOME}.sql:open_sql",
}
KNOWN = "sample, files:FOLDER, sessions:FOLDER, parquet:URL, csv:URL, sql:URL QUERY, simulated:tickers=50, yahoo:AAPL"

Opener = Callable[[str, str], BarSource]


def open_source(spec: str, calendar: str = "XNYS") -> BarSource:
    """The source that `spec` names, for an exchange: `NAME` or `NAME:ARGUMENT`.

    * `sample`: five stocks to 2013. `simulated`, with any of `simulated:tickers=50,seed=7,years=12,start=2000-01-03,
      ic=0.03,drift=KIND@SESSION@SIZE` where KIND is mean, spread, dependence, sign or decay.
    * `files:FOLDER`, all files of bars below it; `sessions:FOLDER`, a folder or URL with one file a session.
    * `parquet:URL`, `csv:URL`: files below a path, glob or URL that fsspec opens (`s3://bucket/bars/*.parquet`).
    * `sql:URL QUERY`: any database of SQLAlchemy.
    * `yahoo:AAPL,MSFT`, which needs the extra `yahoo`.
    * `NAME:ARGUMENT` of an entry point in the group `evergreen.sources`, or `module:Class ARGUMENT`: called with the
      argument and the exchange, it gives a `BarSource`.

    Raises:
        BadSetting: anything else.
    """
    name, _, argument = spec.partition(":")
    if own := BUILT_IN.get(name):
        return cast(Opener, EntryPoint(name, own, GROUP).load())(argument, calendar)
    if entry := find_entry(GROUP, name, BUILT_IN):
        return _opened_by_others(load_entry(entry), entry.value, argument, calendar)
    if argument and all(part.isidentifier() for part in name.split(".")):
        return _open_class(name, argument, calendar)
    raise _unknown(spec)


def source_names() -> list[str]:
    """The names under which sources are registered."""
    return entry_names(GROUP, BUILT_IN)


def _opened_by_others(opener: Opener, where: str, argument: str, calendar: str) -> BarSource:
    with attributed(f"the source {where}", "when it was opened"):
        return opener(argument, calendar)


def _open_class(module: str, rest: str, calendar: str) -> BarSource:
    """`module:Class ARGUMENT`. Only a class that has what a source has is called: the name may come from anywhere."""
    name, _, argument = rest.partition(" ")
    with attributed(f"the source {module}:{name}", "when it was imported"):
        try:
            found_class: Any = getattr(import_module(module), name)
        except (ImportError, AttributeError):
            raise _unknown(f"{module}:{name}") from None
    if not isinstance(found_class, type) or not all(hasattr(found_class, each) for each in ("fetch", "tickers")):
        raise BadSetting(f"{module}:{name} is no source of bars.", "A source is a class with `tickers` and `fetch`.")
    return _opened_by_others(found_class, f"{module}:{name}", argument.strip(), calendar)


def _unknown(spec: str) -> BadSetting:
    return BadSetting(f"there is no source {spec!r}.", f"Known: {KNOWN}; or module:Class.")
