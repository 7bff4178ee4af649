"""Bars from a database: any that SQLAlchemy opens, through a query of one's own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import pandas as pd
from sqlalchemy import bindparam, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from evergreen.adapters.bars.files.layout import columns_of
from evergreen.core.bars.schema import SUPPLIED, conform
from evergreen.core.bars.session import iso
from evergreen.errors import BadSetting, Unavailable

EARLIEST, LATEST = pd.Timestamp("1900-01-01"), pd.Timestamp("2262-01-01")  # every session there can be


class SqlSource:
    """What `query` selects from the database at `url`, its columns named as in a file of bars.

    Where the query has `:start` and `:end` (ISO dates, both included) it is asked for a session's rows alone;
    `:tickers` stands for those wanted (`... and ticker in :tickers`). What it gives beyond that is left out.
    """

    def __init__(self, url: str, query: str, calendar: str) -> None:
        """`url` may have $NAMES of the environment: an account belongs there.

        Raises:
            BadSetting: no database of SQLAlchemy, or a password in the open.
        """
        self.name = "sql"
        self.calendar = calendar
        self._query = query
        try:
            if "$" not in url and (make_url(url).password or "password" in make_url(url).query):
                raise BadSetting(
                    "the source's URL has a password, and is shown and logged.", "Write sql:$BARS_URL QUERY."
                )
            self._engine = create_engine(os.path.expandvars(url))
        except (ArgumentError, ImportError) as error:
            raise BadSetting(f"the source's URL cannot be used: {error}.", "Write it as SQLAlchemy does.") from None
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _read_only)

    def tickers(self) -> list[str]:
        """What the query has of all sessions, sorted."""
        if ":tickers" in self._query:
            raise BadSetting("a query with :tickers needs names.", "Set [market] tickers, or leave :tickers out.")
        return sorted(self._rows([], EARLIEST, LATEST)["ticker"].unique())

    def fetch(self, tickers: Sequence[str], start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """The bars there are of `tickers` from `start` to `end` (sessions, inclusive): columns `SUPPLIED`.

        Raises:
            Unavailable: the database does not answer.
            BadSetting: it does not take the query, or the query's columns are no bars.
        """
        bars = self._rows(list(tickers), start, end)
        chosen = bars["ticker"].isin(list(tickers)) & (bars["session"] >= start) & (bars["session"] <= end)
        return bars.loc[chosen, list(SUPPLIED)].reset_index(drop=True)

    def _rows(self, tickers: list[str], start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        statement = text(self._query)
        if ":tickers" in self._query:
            statement = statement.bindparams(bindparam("tickers", expanding=True))
        values: dict[str, Any] = {"start": iso(start), "end": iso(end), "tickers": tickers}
        named = {name: value for name, value in values.items() if f":{name}" in self._query}
        try:
            with self._engine.connect().execution_options(postgresql_readonly=True) as conn:
                rows = pd.read_sql(statement, conn, params=named)
        except OperationalError as error:
            raise Unavailable(
                f"the bars' database did not answer: {error.orig}.", "Look at it and the query."
            ) from None
        except SQLAlchemyError as error:
            first = str(error).splitlines()[0]
            raise BadSetting(f"the bars' database does not take the query: {first}.", "Mend the query.") from None
        return conform(_as_bars(rows))


def _read_only(connection: Any, _record: Any) -> None:
    """A source only reads, whatever its query says."""
    connection.execute("PRAGMA query_only = ON")


def open_sql(argument: str, calendar: str) -> SqlSource:
    """The source `sql:URL QUERY`.

    Raises:
        BadSetting: no query.
    """
    url, _, query = argument.partition(" ")
    if not query.strip():
        raise BadSetting("a database needs a query.", "Write sql:URL SELECT ticker, session, open, ... FROM ...")
    return SqlSource(url, query.strip(), calendar)


def _as_bars(rows: pd.DataFrame) -> pd.DataFrame:
    """The query's columns under our names, tickers as text."""
    places = columns_of([str(name) for name in rows.columns])
    columns = {name: rows.iloc[:, place] for name, place in places.items()}
    if missing := [
        name for name in ("ticker", "session", "open", "high", "low", "close", "volume") if name not in columns
    ]:
        raise BadSetting(f"the query gives no column for {', '.join(missing)}.", "Name its columns with AS.")
    bars = pd.DataFrame(columns).assign(ticker=columns["ticker"].astype(str).str.strip())
    if "factor" not in bars and "adjusted_close" in bars:
        return bars.assign(factor=bars["adjusted_close"] / bars["close"])
    return bars
