"""Where bars come from: each source says what it has and fetches a range of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Protocol, cast, get_args, runtime_checkable

import pandas as pd

from evergreen.adapters.bars.files import FolderBars, read_files
from evergreen.adapters.bars.files.folder import State, states_in
from evergreen.adapters.bars.kept_files import KeptFiles
from evergreen.core.bars.schema import SUPPLIED, conform
from evergreen.core.evaluation.backtest import SESSIONS_A_YEAR
from evergreen.core.market import START, Drift, DriftKind, simulate
from evergreen.core.quality import Finding
from evergreen.errors import BadSetting


class BarSource(Protocol):
    """Something that has bars of some tickers on the sessions of one exchange."""

    @property
    def name(self) -> str:
        """Stored with every bar."""
        ...

    @property
    def calendar(self) -> str:
        """The exchange calendar its sessions follow."""
        ...

    def tickers(self) -> list[str]:
        """What can be fetched, sorted."""
        ...

    def fetch(self, tickers: Sequence[str], start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """The bars there are of `tickers` from `start` to `end` (sessions, inclusive): columns `SUPPLIED`.

        A ticker or session without bars is simply absent; what should have been there is for validation.
        """
        ...


@runtime_checkable
class ReportingSource(Protocol):
    """A source that says what it decided about its bars, left out of them or could not read."""

    def findings(self) -> list[Finding]:
        """One a matter; they stand in the delivery's report beside those of validation."""
        ...


@runtime_checkable
class KeepingSource(Protocol):
    """A source that can keep in a folder what it read, so that the next run reads only what changed."""

    def keep_in(self, home: Path) -> BarSource:
        """The source that does so in a folder of its own below `home`; its bars are the same."""
        ...


class LoadedSource:
    """A source whose bars are all loaded at the first question."""

    def __init__(self, name: str, load: Callable[[], pd.DataFrame], calendar: str) -> None:
        self.name = name
        self.calendar = calendar
        self._load = load

    @cached_property
    def _bars(self) -> pd.DataFrame:
        return self._load()

    def tickers(self) -> list[str]:
        """What can be fetched, sorted."""
        return sorted(self._bars["ticker"].dropna().unique())

    def fetch(self, tickers: Sequence[str], start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """The bars there are of `tickers` from `start` to `end` (sessions, inclusive): columns `SUPPLIED`."""
        session = self._bars["session"]
        chosen = self._bars["ticker"].isin(list(tickers)) & (session >= start) & (session <= end)
        return self._bars.loc[chosen, list(SUPPLIED)].reset_index(drop=True)


class SampleSource(LoadedSource):
    """Five real US stocks (AAPL, FB, GOOG, IBM, MSFT), 2000-03-01 to 2013-03-01, from `bokeh_sampledata`.

    Raw prices; `factor` carries every split and dividend up to the series' own making, later ones too.
    """

    def __init__(self) -> None:
        super().__init__("sample", _sample, "XNYS")


class FilesSource(LoadedSource):
    """The files of bars in `folder`: one long file, or one a ticker, as `read_file` takes them."""

    def __init__(self, folder: Path, calendar: str = "XNYS") -> None:
        super().__init__("files", lambda: self._folder.bars, calendar)
        self._place = Path(folder)

    @cached_property
    def _folder(self) -> FolderBars:
        folder = _read_once(states_in(self._place))
        if folder.bars.empty and folder.unreadable:
            raise folder.unreadable[0]
        return folder

    def findings(self) -> list[Finding]:
        """What is to be said of the files: what was decided about them, left out of them or not read at all."""
        return list(self._folder.findings)

    def keep_in(self, home: Path) -> BarSource:
        """The source that keeps below `home` what it read."""
        return KeptFiles(self._place, self.calendar, home)


class SimulatedSource(LoadedSource):
    """A market of `core.market.simulate`, equal for equal arguments; see there for `ic` and `drift`."""

    def __init__(
        self,
        tickers: int = 50,
        seed: int = 7,
        years: float = 12,
        start: pd.Timestamp = START,
        ic: float = 0.03,
        drift: Drift | None = None,
    ) -> None:
        count = round(years * SESSIONS_A_YEAR)
        super().__init__("simulated", lambda: _simulated(tickers, count, seed, start, ic, drift), "XNYS")


def open_sample(argument: str, calendar: str) -> BarSource:
    """The source `sample`; it takes no argument and has its own exchange.

    Raises:
        BadSetting: an argument.
    """
    if argument:
        raise BadSetting(f"there is no source 'sample:{argument}'.", "Write `sample`.")
    return SampleSource()


def open_files(folder: str, calendar: str) -> BarSource:
    """The source `files:FOLDER`.

    Raises:
        BadSetting: no folder.
    """
    if not folder:
        raise BadSetting("there is no source 'files' without a folder.", "Write files:FOLDER.")
    return FilesSource(Path(folder), calendar)


def open_simulated(options: str, calendar: str) -> BarSource:
    """The source `simulated:name=value,...`; its exchange is New York's.

    Raises:
        BadSetting: an option that says nothing.
    """
    readers: dict[str, Callable[[str], Any]] = {
        "tickers": int,
        "seed": int,
        "years": float,
        "start": pd.Timestamp,
        "ic": float,
        "drift": _drift,
    }
    values = {}
    for option in filter(None, options.split(",")):
        name, _, value = option.partition("=")
        try:
            values[name.strip()] = readers[name.strip()](value.strip())
        except (KeyError, ValueError):
            raise BadSetting(
                f"source 'simulated:{options}': {option!r} says nothing.",
                f"Options are {', '.join(readers)}, as name=value.",
            ) from None
    return SimulatedSource(**values)


def _drift(text: str) -> Drift:
    kind, session, size = text.split("@")
    if kind not in get_args(DriftKind):
        raise ValueError(kind)
    return Drift(cast(DriftKind, kind), pd.Timestamp(session), float(size))


@lru_cache(maxsize=1)
def _read_once(files: tuple[State, ...]) -> FolderBars:
    """The bars of files in that state: a process that walks several sessions reads them once."""
    return read_files([file for file, *_ in files])


@lru_cache(maxsize=1)
def _sample() -> pd.DataFrame:
    from bokeh_sampledata import stocks

    prices = stocks.data.rename(columns={"date": "session"})
    return conform(prices.assign(factor=prices["adj_close"] / prices["close"]))


@lru_cache(maxsize=2)
def _simulated(
    tickers: int, sessions: int, seed: int, start: pd.Timestamp, ic: float, drift: Drift | None
) -> pd.DataFrame:
    return simulate(tickers, sessions, seed, start=start, ic=ic, drift=drift)
