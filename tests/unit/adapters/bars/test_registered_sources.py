"""Sources that others bring, databases, buckets, and folders that grow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import create_engine

from evergreen.adapters.bars import FilesSource, LoadedSource, SampleSource, open_source
from evergreen.adapters.bars.remote_files import SessionFiles
from evergreen.core.bars.schema import SUPPLIED
from evergreen.core.bars.session import iso
from evergreen.errors import BadSetting, NoBars, Unavailable
from evergreen.testing import check_source

START, END = pd.Timestamp("2008-06-02"), pd.Timestamp("2008-06-30")
NAMES = ["IBM", "MSFT"]
BARS = SampleSource().fetch(NAMES, START, END)


class Vendor(LoadedSource):
    """Somebody's source."""

    def __init__(self, argument: str, calendar: str) -> None:
        super().__init__(argument or "vendor", lambda: BARS, calendar)


def no_source(argument: str, calendar: str) -> None:
    raise AssertionError("a function named as a source was called")


def database(folder: Path) -> str:
    file = folder / "bars.db"
    rows = BARS.assign(session=BARS["session"].map(iso)).rename(columns={"session": "Date", "ticker": "Symbol"})
    with create_engine(f"sqlite:///{file}").begin() as conn:  # pandas leaves date adapters behind in sqlite3 itself
        rows.to_sql("prices", conn, index=False)
    return f"sqlite:///{file}"


def places(folder: Path) -> dict[str, str]:
    """The same bars in every kind of place."""
    for name in ("parquet", "csv", "sessions"):
        (folder / name).mkdir()
    for ticker, rows in BARS.groupby("ticker"):
        rows.to_parquet(folder / "parquet" / f"{ticker}.parquet")
        rows.drop(columns="ticker").to_csv(folder / "csv" / f"{ticker}.csv", index=False)
    for session, rows in BARS.groupby("session"):
        rows.to_csv(folder / "sessions" / f"eod_{session:%Y%m%d}.csv", index=False)
    query = "select * from prices where Date between :start and :end"
    return {
        "parquet": f"parquet:{folder / 'parquet'}",
        "a glob": f"parquet:file://{folder}/parquet/*.parquet",
        "csv": f"csv:{folder / 'csv'}",
        "files": f"files:{folder / 'csv'}",
        "sessions": f"sessions:{folder / 'sessions'}",
        "sql": f"sql:{database(folder)} {query}",
        "a class": f"{__name__}:Vendor own-name",
    }


@pytest.mark.parametrize("kind", ["parquet", "a glob", "csv", "files", "sessions", "sql", "a class"])
def test_source__of_every_kind_keeps_its_promises_and_gives_the_same_bars(tmp_path: Path, kind: str) -> None:
    source = open_source(places(tmp_path)[kind])
    check_source(source, START, END)
    assert source.tickers() == NAMES
    pd.testing.assert_frame_equal(source.fetch(NAMES, START, END), BARS, check_exact=False, rtol=1e-12)


def test_sample_and_simulated__keep_their_promises() -> None:
    check_source(SampleSource(), START, END)
    check_source(open_source("simulated:tickers=3,years=1"), pd.Timestamp("2000-03-01"), pd.Timestamp("2000-05-31"))


def test_parquet__in_a_bucket(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    with fsspec.open("s3://evergreen/vendor/all.parquet", "wb") as file:
        BARS.to_parquet(file)
    check_source(open_source("parquet:s3://evergreen/vendor"), START, END)


def test_sessions__a_question_opens_the_files_of_its_sessions_alone(tmp_path: Path) -> None:
    source = places(tmp_path)["sessions"]
    for file in (tmp_path / "sessions").iterdir():
        if "20080630" not in file.name:
            file.write_text("<html>gone</html>")
    (tmp_path / "sessions" / "readme.txt").write_text("no date here")
    opened = open_source(source)
    assert opened.tickers() == NAMES and len(opened.fetch(NAMES, END, END)) == 2
    assert isinstance(opened, SessionFiles) and opened.findings() == []
    opened.fetch(NAMES, START, END)
    assert {finding.rule for finding in opened.findings()} == {"unreadable"}


def test_sessions__bars_of_another_day_than_the_files_are_left_out_and_told(tmp_path: Path) -> None:
    BARS.to_csv(tmp_path / "2008-06-30.csv", index=False)
    source = SessionFiles(str(tmp_path), "XNYS")
    assert len(source.fetch(NAMES, START, END)) == 2
    (finding,) = source.findings()
    assert finding.rule == "other_session" and "40 bars of other sessions" in finding.message


def test_sql__names_asked_for_reach_the_query_and_a_variable_holds_the_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BARS_URL", database(tmp_path))
    source = open_source("sql:$BARS_URL select * from prices where Symbol in :tickers")
    assert source.fetch(["IBM"], END, END)["ticker"].tolist() == ["IBM"]


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("nonsense", "no source 'nonsense'"),
        ("sample:5", "no source 'sample:5'"),
        ("files", "without a folder"),
        ("parquet", "without a place"),
        ("yahoo:", "without symbols"),
        ("sql:sqlite://", "needs a query"),
        ("sql:nonsense select 1", "URL cannot be used"),
        ("sql:postgresql://me:secret@host/bars select 1", "has a password"),
        ("sql:postgresql://host/bars?user=me&password=secret select 1", "has a password"),
        ("parquet:s3://me:secret@host/bars", "carries an account"),
        ("csv:https://host/bars.csv?token=secret", "carries a query"),
        ("sessions:https://host/bars/?secret", "carries a query"),
        ("no.such.module:Source", "there is no source"),
        ("os.path:join", "is no source of bars"),
        (f"{__name__}:no_source", "is no source of bars"),
        (f"{__name__}:Absent", "there is no source"),
    ],
)
def test_open_source__says_what_it_cannot_open(spec: str, complaint: str) -> None:
    with pytest.raises(BadSetting, match=complaint) as refused:
        open_source(spec)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("query", "error", "complaint"),
    [
        ("select * from nowhere", Unavailable, "no such table"),
        ("select Symbol, Date from prices", BadSetting, "gives no column for open"),
    ],
)
def test_sql__a_query_that_gives_no_bars_is_told(
    tmp_path: Path, query: str, error: type[Exception], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        open_source(f"sql:{database(tmp_path)} {query}").fetch(NAMES, START, END)


def test_parquet__of_an_empty_place_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoBars, match="holds no such files"):
        open_source(f"parquet:{tmp_path}").tickers()


class Careless(Vendor):
    """A source with one promise broken, by name."""

    def fetch(self, tickers: Sequence[str], start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        bars = super().fetch(tickers, start, end)
        if self.name == "everything":
            return BARS
        if self.name == "half-open":
            return bars[bars["session"] < end].reset_index(drop=True)
        if self.name == "times":
            return bars.assign(session=bars["session"] + pd.Timedelta(hours=16))
        return bars.drop(columns="factor")


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ("everything", "one ticker alone has other bars|not asked for|two halves"),
        ("half-open", "both ends belong to it"),
        ("times", "a session has a time of day"),
        ("columns", "its columns are"),
    ],
)
def test_check_source__says_which_promise_is_broken(fault: str, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_source(Careless(fault, "XNYS"), START, END)


def test_check_source__passes_what_the_loop_relies_on(tmp_path: Path) -> None:
    BARS.to_parquet(tmp_path / "bars.parquet")
    check_source(FilesSource(tmp_path), START, END)
    assert tuple(BARS.columns) == SUPPLIED
