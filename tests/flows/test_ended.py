"""Files that end years ago: loaded whole, forecast from as of their newest bar, and said to be old."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from evergreen.adapters.database import ledger, reading, requests
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.session import iso
from evergreen.core.market import simulate
from evergreen.errors import NoBars, Refused
from evergreen.market_data.delivery import Order
from evergreen.market_data.ingest import ingest
from evergreen.ops.status import lines, read_status
from evergreen.service.store import DiskStore
from evergreen.workspace import Workspace
from tests.conftest import enter
from tests.service.running import with_service

XNYS = Calendar("XNYS")
LAST = pd.Timestamp("2018-02-07")
NAMES = 30
FEW = tuple(sorted(simulate(NAMES, 2, seed=2)["ticker"].unique()))[:2]


def folder_of(folder: Path, sessions: int) -> str:
    """As many sessions to 2018-02-07, a CSV a ticker."""
    folder.mkdir()
    days = XNYS.sessions(XNYS.next(LAST, 1 - sessions), LAST)
    for ticker, bars in simulate(NAMES, days, seed=2).groupby("ticker"):
        bars.drop(columns="ticker").to_csv(folder / f"{ticker}.csv", index=False)
    return f"files:{folder}"


def live(home: Path, patch: pytest.MonkeyPatch) -> Workspace:
    """A home on the wall's clock."""
    at = enter(home, patch)
    patch.setenv("EVERGREEN_CLOCK", "live")
    enter.__globals__["open_workspace"].cache_clear()
    return Workspace(at.settings.model_copy(update={"clock": "live"}))


def first_request(at: Workspace) -> requests.RetrainRequest:
    with reading(at.engine) as conn:
        return requests.recent(conn, at.settings.model_name)[0]


@pytest.mark.slow
def test_backfill__of_files_that_ended_serves_their_newest_session_and_says_that_it_is_old(
    prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.backfill import backfill
    from flows.daily import daily
    from flows.retrain import retrain

    source = folder_of(tmp_path / "vendor", 700)
    at = live(tmp_path / "home", monkeypatch)
    backfill(source)
    behind = XNYS.between(LAST, XNYS.last_before(datetime.now(UTC)))
    assert at.bars.as_of()["ticker"].nunique() == NAMES
    retrain(first_request(at).id)
    assert daily(source) == []
    with reading(at.engine) as conn:
        assert ledger.clock(conn, at.settings.model_name) == iso(LAST)
    assert (
        f"data       through session 2018-02-07, {behind} sessions behind the exchange: newer bars have not come"
        in lines(read_status(at.settings))
    )
    body = {"tickers": sorted(at.bars.as_of()["ticker"].unique())}
    served = SimpleNamespace(settings=at.settings, store=DiskStore(at.settings))
    answers = with_service(served, lambda client: client.post("/v1/predictions", json=body)).json()["predictions"]
    assert [answer["as_of"] for answer in answers] == [iso(LAST)] * NAMES
    assert all(answer["stale"] and answer["feature_age"] == behind for answer in answers)


def test_reached__says_which_bar_is_the_newest_and_how_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tasks.bars import reached

    at = enter(tmp_path / "home", monkeypatch)
    until = XNYS.next(LAST, 10)
    order = Order(folder_of(tmp_path / "vendor", 30), FEW, XNYS.next(LAST, -20), until, history=True)
    assert reached(ingest(at, order, XNYS.close(until).to_pydatetime()), until) == LAST
    assert "is of 2018-02-07, 10 sessions before 2018-02-22" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("sessions", "missing", "advice"), [(600, 33, "--folds 1` has enough"), (500, 133, "(`evergreen backfill`).")]
)
def test_backfill__of_too_short_a_history_says_what_is_missing_and_what_makes_it_enough(
    prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sessions: int, missing: int, advice: str
) -> None:
    from flows.backfill import backfill
    from flows.retrain import retrain

    at = live(tmp_path / "home", monkeypatch)
    backfill(folder_of(tmp_path / "vendor", sessions))
    with pytest.raises(Refused, match=f"needs 633 sessions, {sessions} are stored up to .*: {missing} are missing"):
        retrain(first_request(at).id)
    status = "\n".join(lines(read_status(at.settings)))
    assert f"{missing} are missing" in status and advice in status and "on its way" not in status


def test_backfill__of_files_without_a_bar_in_the_span_is_refused(
    prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.backfill import backfill

    source = folder_of(tmp_path / "vendor", 30)
    live(tmp_path / "home", monkeypatch)
    with pytest.raises(NoBars, match="has no bar of 2019-01-02 to"):
        backfill(source, start="2019-01-02")
