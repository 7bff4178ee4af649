"""Files of bars wherever fsspec reaches: below a URL, or in a folder that grows by one file a session."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import PurePath

import fsspec
import pandas as pd

from evergreen.adapters.bars.files import FolderBars, read_files
from evergreen.adapters.bars.files.naming import day_of
from evergreen.adapters.bars.files.opening import DELIMITED, PARQUET, suffix_of
from evergreen.adapters.bars.sources import LoadedSource
from evergreen.core.addresses import require_no_secret
from evergreen.core.bars.schema import SUPPLIED
from evergreen.core.bars.session import iso
from evergreen.core.quality import Finding
from evergreen.errors import BadSetting, NoBars, Unavailable, unreachable


class RemoteFiles(LoadedSource):
    """All files of one form below `url`: a path, a glob or a URL that fsspec opens."""

    def __init__(self, name: str, url: str, forms: Sequence[str], calendar: str) -> None:
        super().__init__(name, lambda: self._read.bars, calendar)
        self._url, self._forms = url, tuple(forms)

    @cached_property
    def _read(self) -> FolderBars:
        files = [file for file in files_at(self._url) if suffix_of(file).startswith(self._forms)]
        if not files:
            raise NoBars(f"{self._url} holds no such files.", "Name a folder, a glob or a bucket's prefix.")
        read = read_files(files)
        if read.bars.empty and read.unreadable:
            raise read.unreadable[0]
        return read

    def findings(self) -> list[Finding]:
        """What is to be said of the files."""
        return list(self._read.findings)


class SessionFiles:
    """A folder (or URL) that grows by one file a session, each with its date in its name.

    A question opens the files of its own sessions and no others, so that a session costs the same in any year.
    """

    def __init__(self, url: str, calendar: str) -> None:
        self.name = "sessions"
        self.calendar = calendar
        self._url = url
        self._findings: list[Finding] = []

    @cached_property
    def _by_session(self) -> dict[pd.Timestamp, str]:
        named = ((day_of(file), file) for file in files_at(self._url) if suffix_of(file))
        dated = {session: file for session, file in named if session is not None}
        if not dated:
            raise NoBars(f"{self._url} has no file with a date in its name.", "Call them 2018-02-07.csv, say.")
        return dict(sorted(dated.items()))

    def tickers(self) -> list[str]:
        """The tickers of the newest session, sorted."""
        newest = read_files([list(self._by_session.values())[-1]])
        return sorted(newest.bars["ticker"].dropna().unique())

    def fetch(self, tickers: Sequence[str], start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """The bars there are of `tickers` from `start` to `end` (sessions, inclusive): columns `SUPPLIED`.

        A bar of another session than its file's is left out, and told.
        """
        asked_for = {session: file for session, file in self._by_session.items() if start <= session <= end}
        read = read_files(list(asked_for.values()))
        bars = read.bars[read.bars["session"].isin(list(asked_for))]
        strange = read.bars[~read.bars["session"].isin(list(asked_for))]
        self._findings = [*read.findings, *_strange(self._url, strange)]
        return bars.loc[bars["ticker"].isin(list(tickers)), list(SUPPLIED)].reset_index(drop=True)

    def findings(self) -> list[Finding]:
        """What is to be said of the files read last."""
        return self._findings


def open_parquet(url: str, calendar: str) -> RemoteFiles:
    """The source `parquet:URL`."""
    return RemoteFiles("parquet", _given(url, "parquet"), PARQUET, calendar)


def open_csv(url: str, calendar: str) -> RemoteFiles:
    """The source `csv:URL`."""
    return RemoteFiles("csv", _given(url, "csv"), DELIMITED, calendar)


def open_sessions(url: str, calendar: str) -> SessionFiles:
    """The source `sessions:FOLDER`."""
    return SessionFiles(_given(url, "sessions"), calendar)


def files_at(url: str) -> list[str]:
    """Every file at or below `url`, by name, as fsspec opens each; hidden ones and those marked `_` apart.

    Raises:
        BadSetting: fsspec has no way to such a URL.
        Unavailable: the store does not answer.
    """
    try:
        system, path = fsspec.core.url_to_fs(url)
        paths = system.glob(path) if "*" in path else system.find(path)
    except (ImportError, ValueError) as error:
        raise BadSetting(f"{url} cannot be opened: {error}.", "Install what fsspec needs for it.") from None
    except unreachable() as error:
        raise Unavailable(
            f"{url} cannot be listed: {str(error).rstrip('.')}.", "Look at the address and the rights."
        ) from None
    shown = sorted(each for each in paths if not PurePath(each).name.startswith((".", "_")))
    local = "file" in system.protocol if not isinstance(system.protocol, str) else system.protocol == "file"
    return shown if local else [str(system.unstrip_protocol(each)) for each in shown]


def _given(url: str, name: str) -> str:
    if not url:
        raise BadSetting(f"there is no source {name!r} without a place.", f"Write {name}:URL.")
    require_no_secret(url, "bars")
    return url


def _strange(url: str, bars: pd.DataFrame) -> list[Finding]:
    if bars.empty:
        return []
    first = bars["session"].min()
    message = f"{url}: {len(bars)} bars of other sessions than their files' names, from {iso(first)} on: left out"
    return [Finding("other_session", "warn", "", first, "session", float(len(bars)), message)]
