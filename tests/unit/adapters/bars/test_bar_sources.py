from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.adapters.bars import FilesSource, SampleSource, SimulatedSource, open_source
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.schema import SUPPLIED
from evergreen.core.bars.session import iso
from evergreen.core.market import Drift
from evergreen.core.quality import check
from evergreen.errors import BadSetting, NoBars

START, END = pd.Timestamp("2000-01-01"), pd.Timestamp("2013-12-31")


def test_sample__holds_real_stocks_on_every_session_and_one_known_defect() -> None:
    sample = SampleSource()
    assert sample.tickers() == ["AAPL", "FB", "GOOG", "IBM", "MSFT"]
    bars = sample.fetch(sample.tickers(), START, END)
    assert tuple(bars.columns) == SUPPLIED and len(bars) == 12_154
    days = Calendar(sample.calendar).sessions(bars["session"].min(), bars["session"].max())
    marks = [(finding.rule, finding.ticker, iso(finding.session)) for finding in check(bars, days)]
    assert marks == [("stale_bar", "AAPL", "2003-01-29")]  # the sample's one defect: the prices of the day before
    apple = bars[bars["ticker"] == "AAPL"].set_index("session")
    split = apple["factor"].pct_change()[pd.Timestamp("2005-02-28")]
    np.testing.assert_allclose(split, 1.0, rtol=1e-3)


def test_fetch__includes_both_ends_and_leaves_out_what_is_not_there() -> None:
    bars = SampleSource().fetch(["IBM", "FB", "NONE"], pd.Timestamp("2008-06-30"), pd.Timestamp("2008-07-02"))
    assert list(bars["ticker"]) == ["IBM"] * 3
    assert list(bars["session"].dt.day) == [30, 1, 2]
    assert SampleSource().fetch([], START, END).empty


def test_files__that_changed_between_two_sessions_are_read_anew(tmp_path: Path) -> None:
    header, *rows = "session,open,high,low,close,volume,factor", "2008-06-30", "2008-07-01", "2008-07-02"
    for last in (2, 3):
        lines = [header, *(f"{row},10,11,9,10,1000,1" for row in rows[:last])]
        (tmp_path / "IBM.csv").write_text("\n".join(lines))
        assert len(FilesSource(tmp_path).fetch(["IBM"], START, END)) == last


def test_files__one_a_ticker_or_one_long_file_give_the_same_bars(tmp_path: Path) -> None:
    bars = SampleSource().fetch(["IBM", "MSFT"], pd.Timestamp("2008-06-02"), pd.Timestamp("2008-06-30"))
    (tmp_path / "each").mkdir()
    (tmp_path / "long").mkdir()
    for ticker, rows in bars.groupby("ticker"):
        rows.drop(columns="ticker").to_csv(tmp_path / "each" / f"{str(ticker).lower()}.csv", index=False)
    bars.to_parquet(tmp_path / "long" / "all.parquet")
    for folder in ("each", "long"):
        source = open_source(f"files:{tmp_path / folder}")
        assert source.tickers() == ["IBM", "MSFT"]
        pd.testing.assert_frame_equal(source.fetch(["IBM", "MSFT"], START, END), bars)


def test_files__of_an_empty_or_absent_folder_say_so(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(NoBars, match="holds no bars"):
            FilesSource(folder).tickers()


def test_open_source__reads_the_options_of_a_simulated_market() -> None:
    source = open_source("simulated:tickers=3,seed=2,years=0.5,start=2004-01-05,drift=spread@2004-03-01@2")
    bars = source.fetch(source.tickers(), START, END)
    assert len(bars) == 3 * 126 and bars["session"].min() == pd.Timestamp("2004-01-05")
    drift = Drift("spread", pd.Timestamp("2004-03-01"), 2.0)
    same = SimulatedSource(tickers=3, seed=2, years=0.5, start=pd.Timestamp("2004-01-05"), drift=drift)
    pd.testing.assert_frame_equal(same.fetch(same.tickers(), START, END), bars)
    assert open_source("simulated").name == "simulated"


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "yahoo",
        "files:",
        "sample:x",
        "simulated:colour=red",
        "simulated:seed=x",
        "simulated:drift=odd@2004-01-05@1",
    ],
)
def test_open_source__refuses_what_it_does_not_know(spec: str) -> None:
    with pytest.raises(BadSetting, match="source"):
        open_source(spec)


def test_files__are_read_again_once_they_have_changed_and_what_is_fetched_is_ones_own(tmp_path: Path) -> None:
    bars = SampleSource().fetch(["IBM", "MSFT"], pd.Timestamp("2008-06-02"), pd.Timestamp("2008-06-30"))
    bars[bars["ticker"] == "IBM"].to_parquet(tmp_path / "bars.parquet")
    first = open_source(f"files:{tmp_path}").fetch(["IBM"], START, END)
    first["close"] = 0.0
    assert (open_source(f"files:{tmp_path}").fetch(["IBM"], START, END)["close"] > 0).all()
    bars.to_parquet(tmp_path / "bars.parquet")
    assert open_source(f"files:{tmp_path}").tickers() == ["IBM", "MSFT"]
