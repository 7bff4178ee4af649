"""`audit-model` as typed: a function in a file of the current folder, bars under their own names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.errors import BadInput, UnreadableFile
from evergreen.research.function_audit import auditor, load_function
from evergreen.workspace import REPOSITORY
from tests.test_cli import one_sentence, run
from tests.test_documents_commands import lines_beneath

FUNCTIONS = """
def honest(bars):
    return bars.groupby("Symbol")["Close"].pct_change(5)

def ahead(bars):
    return (bars.groupby("Symbol")["Close"].shift(-2) / bars["Close"]).rename("soon")

def surprised(bars, reports):
    by_quarter = reports.drop_duplicates("quarter").set_index("quarter")["eps"]
    return bars["Date"].dt.to_period("Q").astype(str).map(by_quarter).rename("eps")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    days = pd.bdate_range("2019-01-02", periods=120)
    close = np.exp(np.random.default_rng(1).normal(0, 0.01, (2, 120)).cumsum(axis=1)).ravel()
    rows = pd.DataFrame({"Symbol": np.repeat(["AA", "BB"], 120), "Date": np.tile(days, 2), "Close": close})
    rows.to_csv(tmp_path / "bars.csv", index=False)
    quarters = pd.period_range("2019Q1", "2019Q3", freq="Q")
    reports = pd.DataFrame({"quarter": quarters.astype(str), "eps": [1.0, 2.0, 3.0]})
    reports.assign(known_at=quarters.end_time + pd.Timedelta(days=30)).to_csv(tmp_path / "reports.csv", index=False)
    (tmp_path / "mine.py").write_text(FUNCTIONS)
    return tmp_path


def test_audit_model__exit_0_for_an_honest_function(folder: Path) -> None:
    completed = run("audit-model", "mine:honest", "--bars", "bars.csv", cwd=folder)
    assert completed.returncode == 0, completed.stderr
    assert completed.stdout.startswith("no look-ahead in 240 lines of Close, cut at 2019-")


def test_audit_model__exit_1_names_the_line_that_moved_and_by_what(folder: Path) -> None:
    completed = run("audit-model", "mine:ahead", "--bars", "bars.csv", "--json", cwd=folder)
    verdict = json.loads(completed.stdout)
    assert completed.returncode == 1 and not verdict["passed"]
    first = verdict["moves"][0]
    assert (first["column"], first["ticker"], first["after"], first["reach"]) == ("soon", "BB", None, 2)
    assert first["session"] == first["cut"]


def test_audit_model__prints_what_the_page_shows(folder: Path) -> None:
    completed = run("audit-model", "mine:ahead", "--bars", "bars.csv", cwd=folder)
    shown = lines_beneath(REPOSITORY / "docs" / "audit-model.md", "evergreen audit-model mine:ahead --bars bars.csv")
    first, second, left_out, last = shown
    printed = completed.stdout.splitlines()
    assert left_out == "..." and (printed[:2], printed[-1]) == ([first, second], last)


def test_audit_model__a_table_is_cut_by_when_it_was_known(folder: Path) -> None:
    typed = ["audit-model", "mine:surprised", "--bars", "bars.csv", "--table", "reports=reports.csv", "--raw"]
    completed = run(*typed, cwd=folder)
    assert completed.returncode == 1, completed.stderr
    assert "eps of BB at 2019-" in completed.stdout and "to missing" in completed.stdout


@pytest.mark.parametrize(
    ("function", "bars", "sentence"),
    [
        ("mine", "bars.csv", "names no function"),
        ("nowhere:f", "bars.csv", "nowhere cannot be imported"),
        ("mine:f", "bars.csv", "mine has no function f"),
        ("mine:honest", "none.csv", "none.csv cannot be read"),
        ("mine:honest", "reports.csv", "no column of dates"),
    ],
)
def test_audit_model__what_cannot_be_asked_is_one_sentence(function, bars, sentence, folder: Path) -> None:
    completed = run("audit-model", function, "--bars", bars, cwd=folder)
    assert sentence in one_sentence(completed) and completed.returncode == 2


def test_auditor__bars_without_a_ticker_are_of_one(folder: Path) -> None:
    rows = pd.read_csv(folder / "bars.csv")
    rows[rows["Symbol"] == "AA"].drop(columns="Symbol").to_csv(folder / "one.csv", index=False)
    verdict = auditor(lambda bars: bars["Close"].pct_change(), str(folder / "one.csv"), {}).audit()
    assert verdict.passed and verdict.lines == 120


def test_auditor__a_table_without_known_at_is_refused(folder: Path) -> None:
    with pytest.raises(UnreadableFile, match="no column known_at"):
        auditor(load_function("json:dumps"), str(folder / "bars.csv"), {"reports": str(folder / "bars.csv")})
    with pytest.raises(BadInput, match="names no function"):
        load_function(":f")
