"""`files:` from one run to the next: the bars of a whole reading, without reading what did not change."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from evergreen.adapters.bars import FilesSource, kept_files
from evergreen.adapters.bars.kept_files import KeptFiles, _refreshed
from evergreen.core.market import simulate
from evergreen.testing import check_source

BARS = simulate(3, 300, seed=4, start=pd.Timestamp("2010-06-01")).round(4)
DAYS = sorted(BARS["session"].unique())
START, END = pd.Timestamp("2000-01-01"), pd.Timestamp("2030-01-01")
COLUMNS = ["session", "open", "high", "low", "close", "volume"]

Run = Callable[[], list[str]]


def text_of(ticker: str, sessions: int, **form: str) -> str:
    rows = BARS[(BARS["ticker"] == ticker) & BARS["session"].isin(DAYS[:sessions])]
    return str(rows[COLUMNS].to_csv(index=False, **form))  # type: ignore[call-overload]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "bars"
    place.mkdir()
    for ticker in ("S0", "S1", "S2"):
        (place / f"{ticker}.csv").write_text(text_of(ticker, 290))
    return place


@pytest.fixture
def run(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run of its own process: it compares every answer with a whole reading, and names the files it read whole."""
    whole: list[str] = []
    read = kept_files.read_or_refuse
    monkeypatch.setattr(
        kept_files, "read_or_refuse", lambda file, alone: (whole.append(Path(file).name), read(file, alone))[1]
    )

    def once() -> list[str]:
        whole.clear()
        _refreshed.cache_clear()
        source, plain = FilesSource(folder).keep_in(tmp_path / "home"), FilesSource(folder)
        assert source.tickers() == plain.tickers()
        for start, end in ((START, END), (DAYS[-15], DAYS[-1]), (DAYS[3], DAYS[3])):
            ours, theirs = (each.fetch(plain.tickers(), start, end) for each in (source, plain))
            pd.testing.assert_frame_equal(ours.reset_index(drop=True), theirs.reset_index(drop=True))
        assert isinstance(source, KeptFiles)
        assert sorted(map(str, source.findings())) == sorted(map(str, plain.findings()))
        return sorted(whole)

    assert once() == ["S0.csv", "S1.csv", "S2.csv"]
    return once


def test_kept__what_did_not_change_is_not_read(run: Run) -> None:
    assert run() == []


@pytest.mark.parametrize("form", [{}, {"sep": ";", "decimal": ",", "date_format": "%d/%m/%Y"}])
def test_kept__of_files_that_grew_only_the_new_lines_are(folder: Path, run: Run, form: dict[str, str]) -> None:
    for sessions, whole in ((290, form != {}), (291, False), (296, False), (300, False)):
        for ticker in ("S0", "S1"):
            (folder / f"{ticker}.csv").write_text(text_of(ticker, sessions, **form))
        assert run() == (["S0.csv", "S1.csv"] if whole else [])


def test_kept__a_long_file_that_grew_over_new_year_is_read_at_its_end(folder: Path, run: Run) -> None:
    """And its last line may have no end when it is read first."""
    by_session = BARS.sort_values(["session", "ticker"])
    for count, whole in ((3 * 145, ["all.csv"]), (3 * 155, [])):
        rows = by_session.head(count)[["ticker", *COLUMNS]].assign(ticker="T" + by_session["ticker"])
        (folder / "all.csv").write_text(rows.to_csv(index=False).rstrip("\n"))
        assert run() == whole


CHANGES: dict[str, Callable[[str], str]] = {
    "an old close restated": lambda text: text.replace(text.splitlines()[40], text.splitlines()[40][:-1] + "7"),
    "an old close restated, and a row more": lambda text: (
        text.replace(text.splitlines()[40], text.splitlines()[40][:-1] + "7") + "2011-08-10,1,2,1,2,100\n"
    ),
    "the newest row again, otherwise": lambda text: text + text.splitlines()[-1] + "0\n",
    "an old row again": lambda text: text + text.splitlines()[9] + "\n",
    "a line cut short": lambda text: text + "2011-08-10,1,2\n",
    "a dividend in words": lambda text: text + "2011-08-10,0.24 Dividend,,,,\n",
    "newest first": lambda text: "\n".join([text.splitlines()[0], *reversed(text.splitlines()[1:])]),
    "another header": lambda text: text.replace("close,volume", "volume,close"),
    "shorter": lambda text: text[: len(text) // 2].rsplit("\n", 1)[0],
    "an error page": lambda _: "<html>429</html>",
}


@pytest.mark.parametrize("change", CHANGES)
def test_kept__a_file_that_changed_in_any_other_way_is_read_whole(folder: Path, run: Run, change: str) -> None:
    path = folder / "S1.csv"
    path.write_text(CHANGES[change](path.read_text()))
    assert run() == ["S1.csv"]
    assert run() == []


def test_kept__files_that_come_go_or_say_the_same_are_as_in_a_whole_reading(folder: Path, run: Run) -> None:
    (folder / "S3.csv").write_text(text_of("S1", 290))  # one series under two names
    BARS[BARS["ticker"] == "S2"][["ticker", *COLUMNS]].to_parquet(folder / "again.parquet")
    (folder / "notes.pdf").write_text("x")
    (folder / os.fsdecode(b"S\xff.csv")).write_text(text_of("S0", 200))
    assert run() == ["S3.csv", os.fsdecode(b"S\xff.csv"), "again.parquet", "notes.pdf"]
    (folder / "S2.csv").write_text(text_of("S2", 300))  # now says what the Parquet file says
    (folder / "S0.csv").unlink()
    assert run() == []


def test_kept__damage_to_what_was_kept_costs_a_whole_reading(tmp_path: Path, run: Run) -> None:
    for path in sorted((tmp_path / "home").rglob("*.parquet")) + sorted((tmp_path / "home").rglob("files.json")):
        data = bytearray(path.read_bytes())
        data[len(data) // 3] ^= 0xFF
        path.write_bytes(bytes(data))
        assert set(run()) <= {"S0.csv", "S1.csv", "S2.csv"}  # and every answer is right
    assert run() == []


def test_kept__keeps_the_promises_of_a_source(folder: Path, tmp_path: Path) -> None:
    check_source(FilesSource(folder).keep_in(tmp_path / "home"), DAYS[0], DAYS[-1])
