from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.adapters.bars import read_any
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.session import iso
from evergreen.core.quality import check
from evergreen.errors import UnreadableFile

PANEL = Path(__file__).parents[5] / "shared" / "data" / "sp500_2013_2018.parquet"

SPELLED = {
    "yahoo": "Date,Open,High,Low,Close,Adj Close,Volume\n"
    "2008-01-02,10,12,9,11,5.5,1000\n2008-01-03,11,13,10,12,6,2000\n",
    "stooq": "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
    "ACME,D,20080102,000000,10,12,9,11,1000,0\nACME,D,20080103,000000,11,13,10,12,2000,0\n",
    "nasdaq": "Date,Close/Last,Volume,Open,High,Low\n"
    '01/03/2008,$12.00,"2,000",$11.00,$13.00,$10.00\n01/02/2008,$11.00,"1,000",$10.00,$12.00,$9.00\n',
    "semicolons": "Symbol;Date;Open;High;Low;Close;Volume\n"
    "ACME;2008-01-02;10;12;9;11;1000\nACME;2008-01-03;11;13;10;12;2000\n",
    "zoned": "date,open,high,low,close,volume\n"
    "2008-01-02 00:00:00-05:00,10,12,9,11,1000\n2008-01-03 00:00:00-05:00,11,13,10,12,2000\n",
    "bom": "\ufeffDate, Open, High, Low, Close, Volume\n"
    "2008-01-02, 10, 12, 9, 11, 1000\n2008-01-03, 11, 13, 10, 12, 2000\n",
}


@pytest.mark.parametrize("vendor", SPELLED)
def test_read_any__takes_the_usual_spellings(tmp_path: Path, vendor: str) -> None:
    path = tmp_path / "acme.csv"
    path.write_text(SPELLED[vendor], encoding="utf-8")
    bars = read_any(path)
    assert list(bars["ticker"]) == ["ACME", "ACME"]
    assert list(bars["session"]) == [pd.Timestamp("2008-01-02"), pd.Timestamp("2008-01-03")]
    np.testing.assert_array_equal(
        bars[["open", "high", "low", "close", "volume"]], [[10, 12, 9, 11, 1000], [11, 13, 10, 12, 2000]]
    )
    assert (bars["factor"] == (0.5 if vendor == "yahoo" else 1.0)).all()


def test_read_any__reads_packed_csv_and_parquet_alike(tmp_path: Path) -> None:
    plain = tmp_path / "acme.csv"
    plain.write_text(SPELLED["yahoo"])
    packed = tmp_path / "acme.csv.gz"
    packed.write_bytes(gzip.compress(SPELLED["yahoo"].encode()))
    pd.read_csv(plain, parse_dates=["Date"]).set_index("Date").to_parquet(tmp_path / "acme.parquet")
    for path in (packed, tmp_path / "acme.parquet"):
        pd.testing.assert_frame_equal(read_any(path).drop(columns="source"), read_any(plain).drop(columns="source"))


def test_read_any__keeps_tickers_that_look_like_something_else(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    rows = "\n".join(f"{ticker},2008-01-02,1,1,1,1,1" for ticker in ("NA", "TRUE", "007", "INF"))
    path.write_text("ticker,date,open,high,low,close,volume\n" + rows)
    assert list(read_any(path)["ticker"]) == ["007", "INF", "NA", "TRUE"]


def test_read_any__leaves_what_is_no_number_for_validation(tmp_path: Path) -> None:
    path = tmp_path / "acme.csv"
    path.write_text("Date,Open,High,Low,Close,Volume\n2008-01-02,null,x,9,11,1000\nlater,1,1,1,1,1\n")
    bars = read_any(path)
    days = Calendar("XNYS").sessions(pd.Timestamp("2008-01-02"), pd.Timestamp("2008-01-03"))
    assert {(finding.rule, finding.column) for finding in check(bars, days)} == {
        ("not_finite", "open"),
        ("not_finite", "high"),
    }


def test_read_any__a_header_alone_is_an_empty_delivery(tmp_path: Path) -> None:
    path = tmp_path / "acme.csv"
    path.write_text("Date,Open,High,Low,Close,Volume\n")
    assert read_any(path).empty


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", b"", "holds nothing"),
        ("a.csv", b"\n<!DOCTYPE html><html><body>429 Too Many Requests</body></html>", "a page or message"),
        ("a.csv", b'{"error": "rate limit"}', "a page or message"),
        ("a.csv", b"date,price\n2008-01-02,5\n", "no column for open, high, low, volume"),
        ("a.csv", b"date,open,high,low,close,volume\nMonday,1,1,1,1,1\n", "dates such as 'Monday' cannot be read"),
        ("a.csv", b"date,open,high,low,close,volume\n2008-01-02,1,1,1,1,1,7,8\n1,2,3\n", "."),
        ("a.csv", b"\x00\xff\xfe\x00", "."),
        ("a.csv.gz", b"not packed", "cannot be read as CSV"),
        ("a.parquet", b"PAR1 but no more", "cannot be read as Parquet"),
    ],
)
def test_read_any__names_the_file_and_what_is_wrong_with_it(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=sentence) as refusal:
        read_any(path)
    assert str(path) in str(refusal.value) and "\n" not in str(refusal.value)


def test_read_any__of_an_absent_file_says_so(tmp_path: Path) -> None:
    for name in ("a.csv", "a.parquet"):
        with pytest.raises(UnreadableFile, match="cannot be read"):
            read_any(tmp_path / name)


@pytest.mark.skipif(not PANEL.exists(), reason="the panel of 505 stocks is not here")
def test_check__finds_the_known_defects_of_a_real_panel_and_little_else() -> None:
    bars = read_any(PANEL)
    findings = check(bars, Calendar("XNYS").sessions(bars["session"].min(), bars["session"].max()))
    marks = {(finding.rule, finding.ticker, iso(finding.session)) for finding in findings}
    assert {
        ("not_finite", "DHR", "2015-07-17"),
        ("not_finite", "BHF", "2017-07-26"),
        ("high_not_highest", "AOS", "2014-05-19"),
        ("low_not_lowest", "LNT", "2016-05-19"),
        ("unadjusted_split", "DISCK", "2014-08-07"),
        ("zero_volume", "UA", "2016-04-07"),
    } <= marks
    days = {day for rule, _, day in marks if rule == "vendor_fault"}
    assert {"2014-07-18", "2014-08-04", "2017-08-02"} <= days  # some tickers repeat their previous bar
    assert ("stale_bar", "AAP", "2014-08-04") in marks
    assert ("spike", "MRO", "2017-09-14") in marks and ("spike", "NWL", "2017-09-14") in marks
    assert {ticker for rule, ticker, _ in marks if rule == "unexplained_jump"} == {"BAX", "DISCA", "EBAY", "NI"}
    frequent = ("stale_bar", "not_finite", "high_not_highest", "low_not_lowest")
    others = [finding for finding in findings if finding.severity != "warn" and finding.rule not in frequent]
    assert len(others) < 0.0005 * len(bars) / 10 and not any(finding.severity == "block" for finding in findings)
