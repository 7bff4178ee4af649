"""What is said of files stands in the delivery's report as it does in `validate`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from evergreen.core.bars.calendar import Calendar
from evergreen.core.market import simulate
from evergreen.market_data.delivery import Order
from evergreen.market_data.ingest import ingest, record_snapshot
from evergreen.market_data.validate_files import inspect_paths
from evergreen.workspace import Workspace
from tests.conftest import enter

XNYS = Calendar("XNYS")
DAYS = XNYS.sessions(pd.Timestamp("2008-01-02"), pd.Timestamp("2008-03-31"))
BARS = simulate(5, DAYS, seed=1)
NOW = XNYS.close(DAYS[-1]).to_pydatetime()


def test_ingest__says_of_files_what_validate_says_and_keeps_the_rest(home: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "bars"
    folder.mkdir()
    for ticker, rows in BARS.groupby("ticker"):
        columns = rows[["session", "open", "high", "low", "close", "volume"]]
        columns.to_csv(folder / f"{ticker}.csv", sep=";", decimal=",", index=False)
    (folder / "S4.csv").write_text("<html>429</html>")
    (folder / "notes.pdf").write_text("x")
    with (folder / "S0.csv").open("a") as file:
        file.write(";1,5;1,5;1,5;1,5;1\n")
    source = f"files:{folder}"
    tickers = tuple(sorted(BARS["ticker"].unique()))
    delivery = ingest(home, Order(source, tickers, DAYS[0], DAYS[-1], history=True), NOW)
    inspection = inspect_paths([folder], XNYS, NOW)
    rules = {finding["rule"] for finding in delivery.findings}
    assert rules == {finding.rule for finding in inspection.findings} | {"unknown_ticker"}
    assert rules == {"unreadable", "not_bars", "number_form", "undated_rows", "unknown_ticker"}
    assert (delivery.added, delivery.refused) == (4 * len(DAYS), 0)


def test_ingest__a_history_that_ends_on_no_session_stands_at_the_one_before(home: Workspace, tmp_path: Path) -> None:
    friday = pd.Timestamp("2008-02-29")
    ended = BARS[BARS["session"] <= friday]
    saturday = ended[ended["session"] == friday].assign(session=friday + pd.Timedelta(days=1))
    (tmp_path / "bars").mkdir()
    pd.concat([ended, saturday]).to_parquet(tmp_path / "bars" / "bars.parquet")
    tickers = tuple(sorted(BARS["ticker"].unique()))
    delivery = ingest(home, Order(f"files:{tmp_path / 'bars'}", tickers, DAYS[0], DAYS[-1], history=True), NOW)
    assert delivery.last == "2008-02-29" and delivery.refused == 5 and home.bars.last_session() == friday


def test_ingest__a_history_tells_the_session_of_its_first_bar(home: Workspace, tmp_path: Path) -> None:
    monday = pd.Timestamp("2008-01-07")
    since = BARS[BARS["session"] >= monday]
    sunday = since[since["session"] == monday].assign(session=monday - pd.Timedelta(days=1))
    (tmp_path / "bars").mkdir()
    pd.concat([since, sunday]).to_parquet(tmp_path / "bars" / "bars.parquet")
    tickers = tuple(sorted(BARS["ticker"].unique()))
    ordered = Order(f"files:{tmp_path / 'bars'}", tickers, pd.Timestamp("2000-01-01"), DAYS[-1], history=True)
    delivery = ingest(home, ordered, NOW)
    assert (delivery.first, delivery.last) == ("2008-01-07", "2008-03-31")


def test_ingest__into_a_home_whose_name_has_letters_outside_ascii(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, folder = enter(tmp_path / "Zuhause äö ☃", monkeypatch), tmp_path / "Börse"
    folder.mkdir()
    BARS.to_parquet(folder / "Kurse ü.parquet")
    order = Order(f"files:{folder}", tuple(sorted(BARS["ticker"].unique())), DAYS[0], DAYS[-1], history=True)
    assert ingest(at, order, NOW).added == len(BARS)
    version = record_snapshot(at, "2008-03-31", order.source, 0, {}, NOW)
    assert list(at.snapshots.checkout(version, tmp_path / "out ü").rglob("*.parquet"))
