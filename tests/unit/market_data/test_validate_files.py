from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from evergreen.core.bars.calendar import Calendar
from evergreen.core.market import simulate
from evergreen.errors import NoBars
from evergreen.market_data.validate_files import Inspection, inspect_paths

NOW = datetime(2024, 1, 1, tzinfo=UTC)
BARS = simulate(4, 120, seed=2)


def looked_at(folder: Path) -> Inspection:
    return inspect_paths([folder], Calendar("XNYS"), NOW)


def one_a_ticker(folder: Path) -> None:
    for ticker, rows in BARS.groupby("ticker"):
        rows.to_csv(folder / f"{ticker}.csv", index=False)


def test_inspect_paths__one_file_a_ticker_is_one_clean_delivery(tmp_path: Path) -> None:
    one_a_ticker(tmp_path)
    inspection = looked_at(tmp_path)
    assert (inspection.findings, inspection.unreadable) == ([], [])
    assert (inspection.bars, inspection.tickers) == (len(BARS), BARS["ticker"].nunique())


def test_inspect_paths__names_an_error_page_and_judges_the_rest(tmp_path: Path) -> None:
    one_a_ticker(tmp_path)
    (tmp_path / "S2.csv").write_text('{"error": "rate limit"}')
    BARS[BARS["ticker"] == "S1"].assign(high=1e-3).to_csv(tmp_path / "S1.csv", index=False)
    inspection = looked_at(tmp_path)
    assert inspection.findings[0].rule == "unreadable"
    assert "high_not_highest" in {finding.rule for finding in inspection.findings}
    assert "S2.csv" in inspection.findings[0].message and len(inspection.unreadable) == 1


def test_inspect_paths__the_same_content_twice_counts_once(tmp_path: Path) -> None:
    BARS.to_csv(tmp_path / "all.csv", index=False)
    BARS.to_parquet(tmp_path / "again.parquet")
    assert [finding.rule for finding in looked_at(tmp_path).findings] == ["same_content"]


def test_inspect_paths__one_series_under_two_names_is_found_across_files(tmp_path: Path) -> None:
    one_a_ticker(tmp_path)
    BARS[BARS["ticker"] == "S1"].drop(columns="ticker").to_csv(tmp_path / "TWIN.csv", index=False)
    findings = looked_at(tmp_path).findings
    assert {(finding.rule, finding.ticker) for finding in findings} == {("same_series", "S1"), ("same_series", "TWIN")}


def test_inspect_paths__names_strangers_in_a_tickers_file(tmp_path: Path) -> None:
    one_a_ticker(tmp_path)
    (tmp_path / "S2.csv").unlink()
    BARS[BARS["ticker"].isin(["S1", "S2"])].to_csv(tmp_path / "S1.csv", index=False)
    findings = looked_at(tmp_path).findings
    assert [(finding.rule, finding.ticker) for finding in findings] == [("mixed_tickers", "S2")]


def test_inspect_paths__an_empty_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoBars, match="holds no bars"):
        looked_at(tmp_path)


def test_inspect_paths__a_file_without_rows_is_named(tmp_path: Path) -> None:
    pd.DataFrame(columns=["date", "open", "high", "low", "close", "volume"]).to_csv(tmp_path / "a.csv", index=False)
    inspection = looked_at(tmp_path)
    assert [(finding.rule, finding.severity) for finding in inspection.findings] == [("no_rows", "warn")]
    assert (inspection.unreadable, inspection.bars, inspection.tickers) == ([], 0, 0)


def test_inspect_paths__mentions_every_file_of_a_folder(tmp_path: Path) -> None:
    one_a_ticker(tmp_path)
    (tmp_path / "notes.docx").write_text("x")
    (tmp_path / "ticker=T9").mkdir()
    BARS[BARS["ticker"] == "S1"].drop(columns="ticker").iloc[:60].to_parquet(tmp_path / "ticker=T9" / "part-0.parquet")
    inspection = looked_at(tmp_path)
    assert {(finding.rule, finding.ticker) for finding in inspection.findings} == {
        ("not_bars", ""),
        ("same_series", "S1"),
        ("same_series", "T9"),
    }
