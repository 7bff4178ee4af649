"""Killed at every step of an ingestion, and run again: the same store, byte for byte."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from evergreen.core.bars.calendar import Calendar
from evergreen.core.market import simulate

DAYS = Calendar("XNYS").sessions(pd.Timestamp("2007-12-03"), pd.Timestamp("2008-01-31"))
SCRIPT = Path(__file__).parent / "killed_ingestion.py"


def write(folder: Path, bars: pd.DataFrame) -> str:
    folder.mkdir()
    bars.to_parquet(folder / "bars.parquet")
    return f"files:{folder}"


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(900)
def test_ingestion__killed_before_any_of_its_steps_ends_alike_when_run_again(tmp_path: Path) -> None:
    """The second delivery adds a session, restates both years, settles one held case and opens another."""
    bars = simulate(3, DAYS, seed=1)
    faulty = bars.assign(high=bars["high"].mask((bars["ticker"] == "S1") & (bars["session"] == DAYS[20]), 0.01))
    before = write(tmp_path / "before", faulty[faulty["session"] < DAYS[-1]])
    restated = bars.assign(close=bars["close"].where(~bars.index.isin([5, 30]), bars["low"]))
    spoiled = restated.assign(low=restated["low"].mask((bars["ticker"] == "S2") & (bars["session"] == DAYS[-1]), 1e9))
    after = write(tmp_path / "after", spoiled)
    process = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path / "homes"), before, after],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-2000:]
    ends = [line.split(" ", 2)[1:] for line in process.stdout.splitlines()]
    assert {differing for _, differing in ends} == {"same"}
    assert sum(how == "killed" for how, _ in ends) > 40
