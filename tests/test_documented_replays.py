"""The replays of docs/replay.md as typed, for three days in place of years, and the files the page says they leave."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evergreen.core.bars.calendar import Calendar
from evergreen.core.market import simulate
from evergreen.workspace import REPOSITORY
from tests.test_cli import run
from tests.test_documents_commands import commands

PAGE = REPOSITORY / "docs" / "replay.md"
REPLAYS = [words for words in commands(PAGE) if words[0] == "replay" and len(words) > 1]
FEWER = {"tickers=50": "tickers=2", "late@2018-03-01": "late@2015-01-05"}  # what is broken, breaks on these days


def shortened(words: list[str]) -> list[str]:
    """The command for three days and a few tickers."""
    last = pd.Timestamp(words[words.index("--from") + 1]) + pd.Timedelta(days=3)
    cut = [last.date().isoformat() if before == "--to" else word for before, word in pairwise(["", *words])]
    return [_fewer(word) for word in cut]


def _fewer(word: str) -> str:
    for many, few in FEWER.items():
        word = word.replace(many, few)
    return word


def table_of(heading: str) -> dict[str, str]:
    """What the page says of each file, by its name."""
    section = PAGE.read_text().partition(f"## {heading}")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", section, re.MULTILINE))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a reader types: with a folder of bars of London's sessions."""
    sessions = Calendar("XLON").sessions(pd.Timestamp("2011-01-04"), pd.Timestamp("2015-01-09"))
    bars = simulate(2, sessions, seed=2)
    (tmp_path / "bars").mkdir()
    for ticker, rows in bars.groupby("ticker"):
        rows.to_csv(tmp_path / "bars" / f"{ticker}.csv", index=False)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("words", REPLAYS, ids=lambda words: words[1].partition(":")[0].strip("/"))
def test_replay__as_typed_prints_a_line_for_each_policy_and_leaves_what_the_page_says(
    words: list[str], folder: Path
) -> None:
    completed = run(*shortened(words), "--no-track", cwd=folder)
    assert completed.returncode == 0, completed.stderr
    policies = [word for before, word in pairwise(words) if before == "--policy"]
    heads, *lines, page = [line for line in completed.stdout.splitlines() if line][-len(policies) - 2 :]
    assert heads.startswith("policy") and [line.split()[0] for line in lines] == policies
    out = folder / words[words.index("--out") + 1]
    assert folder / page == out / "report.html"
    assert_left(out, policies)


def assert_left(out: Path, policies: list[str]) -> None:
    """The files of the page's table, with the columns it names."""
    left = table_of("What it leaves")
    assert {path.name for path in out.iterdir()} == {name.strip("/") for name in left}
    for name in ("sessions", "decisions"):
        keys, _, columns = left[f"{name}.parquet"].removeprefix("by ").partition(": ")
        shown = [*keys.split(" and "), *columns.split(", ")]
        assert list(pd.read_parquet(out / f"{name}.parquet").columns) == shown
    summary: dict[str, Any] = json.loads((out / "summary.json").read_text())
    assert [each["policy"] for each in summary["policies"]] == policies


def test_replays__are_found_on_the_page() -> None:
    assert [words[1] for words in REPLAYS] == [
        "sample",
        "simulated:tickers=50,seed=7,years=9,drift=sign@2006-06-01@1",
        "bars/",
    ]
