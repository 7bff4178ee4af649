"""What is owed is told by the status, and listed and written off from the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evergreen.adapters.database import ledger, owed, writing
from evergreen.adapters.database.owed import OwedBar
from evergreen.cli.data import versions
from evergreen.ops.status import lines, read_status
from evergreen.workspace import Workspace
from tests.conftest import enter

NOW = datetime(2008, 7, 2, 21, tzinfo=UTC)


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A home that stands at 2008-07-02 and waits for two bars of it."""
    opened = enter(tmp_path / "home", monkeypatch)
    session = ledger.ProcessedSession(
        model="evergreen", as_of="2008-07-02", finished_at=NOW, data_version="d1", report={}
    )
    bars = [OwedBar(ticker=name, session="2008-07-02", source="files:x", since=NOW) for name in ("AAPL", "IBM")]
    with writing(opened.engine) as conn:
        ledger.record_session(conn, session)
        owed.keep(conn, bars)
    return opened


def answer(*arguments: str) -> str:
    """What the command prints."""
    ended = CliRunner().invoke(versions, list(arguments), catch_exceptions=False)
    assert ended.exit_code == 0
    return ended.stdout


def test_status__names_what_is_owed_until_it_has_come(at: Workspace) -> None:
    assert "owed       2 bars of 2008-07-02 owed: AAPL, IBM" in lines(read_status(at.settings))
    answer("write-off", "2008-07-02", "--reason", "a holiday")
    assert not any(line.startswith("owed") for line in lines(read_status(at.settings)))


def test_data_owed__lists_bars_and_as_json(at: Workspace) -> None:
    assert [line.split()[:2] for line in answer("owed").splitlines()] == [["2008-07-02", "AAPL"], ["2008-07-02", "IBM"]]
    assert [bar["ticker"] for bar in json.loads(answer("owed", "--json"))] == ["AAPL", "IBM"]


def test_data_write_off__of_one_ticker_leaves_the_other_owed(at: Workspace) -> None:
    line = answer("write-off", "2008-07-02", "--ticker", "IBM", "--reason", "halted")
    assert line.strip() == "1 bar of 2008-07-02 written off: halted"
    assert "IBM" not in answer("owed") and "AAPL" in answer("owed")
    answer("write-off", "2008-07-02", "--reason", "halted")
    assert answer("owed").strip() == "nothing is owed"
