"""One market lived through once: history, first champion, some sessions; each test works on a copy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from evergreen.adapters.database import ledger, reading, requests
from evergreen.core.bars.calendar import Calendar
from evergreen.workspace import Workspace
from tests.conftest import enter

TICKERS = ["AAPL", "IBM", "MSFT", "GOOG"]
HISTORY = "2000-01-01"  # two months before the first bar there is
UNTIL = "2008-06-30"  # with these, the flow stands where the notebook's defaults stand
WALKED = 4
SINCE, UNTIL_THEN = "since.txt", "until.txt"  # beside the home that lived


@pytest.fixture(scope="session")
def lived(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with a champion that has served `WALKED` sessions."""
    home = tmp_path_factory.mktemp("lived") / "home"
    with pytest.MonkeyPatch.context() as patch:
        (home.parent / SINCE).write_text(datetime.now(UTC).isoformat())
        live(enter(home, patch))
        (home.parent / UNTIL_THEN).write_text(datetime.now(UTC).isoformat())
        yield home


@pytest.fixture
def while_lived(lived: Path) -> dict[str, str]:
    """From when to when it lived, as Prefect's filters have it: other tests flow on the same server."""
    since, until = ((lived.parent / name).read_text() for name in (SINCE, UNTIL_THEN))
    return {"since": since, "until": until}


def live(at: Workspace) -> None:
    """Backfill, train the first champion, walk a few sessions; the server's part is played by hand."""
    from flows.backfill import backfill
    from flows.clock import now_at
    from flows.daily import process_session
    from flows.retrain import retrain

    backfill("sample", TICKERS, HISTORY, UNTIL)
    with reading(at.engine) as conn:
        pending = requests.recent(conn, at.settings.model_name)
    retrain(pending[0].id)
    for session in Calendar("XNYS").sessions(pd.Timestamp("2008-07-01"), pd.Timestamp("2008-07-31"))[:WALKED]:
        process_session("sample", TICKERS, session, now_at(session, at))


def run_of(at: Workspace, version: str) -> str:
    """The MLflow run that a version is on record as."""
    with reading(at.engine) as conn:
        return ledger.read_model_version(conn, at.settings.model_name, version).run_id


@pytest.fixture
def copied(lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace of one's own that has lived through the same."""
    home = tmp_path / "home"
    shutil.copytree(lived, home)
    return enter(home, monkeypatch)
