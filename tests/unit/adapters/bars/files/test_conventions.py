"""Each kind of file that people have, in a few lines: the numbers and days it means, or one sentence why not."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.adapters.bars.files import read_file
from evergreen.core.bars.schema import PRICES
from evergreen.core.quality import check
from evergreen.errors import UnreadableFile

HEADER = "Date,Open,High,Low,Close,Volume\n"
PLAIN = HEADER + "2023-01-03,48.47,48.69,48.44,48.57,1980975\n2023-01-04,48.57,49.00,48.50,48.90,2001000\n"
CLOSES = [48.57, 48.90]


def written(folder: Path, text: str, name: str = "acme.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def rules(path: Path) -> set[str]:
    return {finding.rule for finding in read_file(path).findings}


def semicolons(*rows: str) -> str:
    return HEADER.replace(",", ";") + "".join(f"{row}\n" for row in rows)


@pytest.mark.parametrize(
    ("text", "close", "volume"),
    [
        (semicolons("2023-01-03;48,47;48,69;48,44;48,57;1980975"), 48.57, 1_980_975),
        (HEADER + '2023-01-03,"48,470000","48,690000","48,440000","48,570000",1980975\n', 48.57, 1_980_975),
        (semicolons("2023-01-03;1 224,60;1 225,00;1 220,10;1 224,69;1 980 975"), 1224.69, 1_980_975),
        (semicolons("2023-01-03;1.230,00;1.240,50;1.220,00;1.234,50;1.980.975"), 1234.50, 1_980_975),
        (semicolons("2023-01-03;1'230.00;1'240.50;1'220.00;1'234.50;1'980'975"), 1234.50, 1_980_975),
        (HEADER + '2023-01-03,"$1,230.00","$1,240.50","$1,220.00","$1,234.50","1,980,975"\n', 1234.50, 1_980_975),
        (semicolons("2023-01-03;48;49;48;48;1.980"), 48.0, 1980),
        (HEADER + "2023-01-03,48,49,48,48.57,1.98M\n", 48.57, 1_980_000),
        (HEADER + '2023-01-03,12,13,11,12,"2,000"\n', 12.0, 2000),
        (HEADER + '2023-01-03,"12,34,567.00","12,34,568.00","12,34,566.00","12,34,567.50",100\n', 1_234_567.5, 100),
        (semicolons("2023-01-03;1.234;1.250;1.220;1.240;1.980"), 1240.0, 1980),
    ],
    ids=[
        "comma",
        "quoted",
        "space",
        "point",
        "apostrophe",
        "dollar",
        "whole",
        "suffix",
        "shares",
        "lakh",
        "shares-tell",
    ],
)
def test_numbers__are_what_they_mean(tmp_path: Path, text: str, close: float, volume: float) -> None:
    bar = read_file(written(tmp_path, text)).bars.iloc[0]
    assert (bar["close"], bar["volume"]) == (close, volume)


def test_numbers__a_decimal_comma_is_said(tmp_path: Path) -> None:
    path = written(tmp_path, semicolons("2023-01-03;48,47;48,69;48,44;48,57;1980975"))
    (finding,) = read_file(path).findings
    assert finding.rule == "number_form" and "decimal comma" in finding.message
    assert read_file(written(tmp_path, PLAIN)).findings == ()


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (["2023-01-03;1,234;1,240;1,220;1,230;100"], "may mean thousands or decimals"),
        (["2023-01-03;48,47;48.69;48,44;48,57;100"], "contradict each other"),
    ],
)
def test_numbers__that_may_mean_two_things_are_refused(tmp_path: Path, rows: list[str], sentence: str) -> None:
    with pytest.raises(UnreadableFile, match=sentence):
        read_file(written(tmp_path, semicolons(*rows)))


@pytest.mark.parametrize(
    "dates",
    [
        ("03/01/2023", "13/01/2023"),
        ("03.01.2023", "04.01.2023"),
        ("03-01-23", "13-01-23"),
        ("3 Jan 2023", "13 Jan 2023"),
        ("03-Jan-2023", "13-Jan-2023"),
        ('"January 3, 2023"', '"January 13, 2023"'),
        ("2023/01/03", "2023/01/13"),
        ("20230103", "20230113"),
        ("1672704000", "1673568000"),
        ("1672704000000", "1673568000000"),
        ("01/03/2023", "01/13/2023"),
    ],
)
def test_dates__of_every_form_are_the_day_they_mean(tmp_path: Path, dates: tuple[str, str]) -> None:
    text = HEADER + "".join(f"{date},1,1,1,1,1\n" for date in dates)
    assert read_file(written(tmp_path, text)).bars["session"][0] == pd.Timestamp("2023-01-03")


def test_dates__weekends_tell_day_from_month(tmp_path: Path) -> None:
    text = HEADER + "05/06/2023,1,1,1,1,1\n06/06/2023,1,1,1,1,1\n"  # 2023-05-06 was a Saturday
    path = written(tmp_path, text)
    assert read_file(path).bars["session"][0] == pd.Timestamp("2023-06-05") and rules(path) == {"date_form"}


@pytest.mark.parametrize(
    ("dates", "sentence"),
    [
        (("04/05/2023", "05/05/2023"), "may have day or month first"),
        (("13/04/2023", "04/13/2023"), "have neither day nor month first"),
        (("1672756200",), "not midnights"),
        (("Monday",), "cannot be read"),
    ],
)
def test_dates__that_may_be_two_days_are_refused(tmp_path: Path, dates: tuple[str, ...], sentence: str) -> None:
    text = HEADER + "".join(f"{date},1,1,1,1,1\n" for date in dates)
    with pytest.raises(UnreadableFile, match=sentence):
        read_file(written(tmp_path, text))


FORMS = {
    "unnamed-first-column": "," + PLAIN.removeprefix("Date,"),
    "trailing-comma": PLAIN.replace("75\n", "75,\n").replace("00\n", "00,\n"),
    "trailing-comma-in-the-header-too": PLAIN.replace("\n", ",\n"),
    "preamble": "ACME Corp daily prices\n\n" + PLAIN,
    "spelled-otherwise": PLAIN.replace("Close", "Price").replace("Volume", "Vol."),
    "numbered-rows": "".join(f"{n},{line}\n" for n, line in zip(["", 0, 1], PLAIN.splitlines(), strict=True)),
}


@pytest.mark.parametrize("form", FORMS)
def test_layout__of_every_form_gives_the_same_bars(tmp_path: Path, form: str) -> None:
    assert list(read_file(written(tmp_path, FORMS[form])).bars["close"]) == CLOSES


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_opening__any_usual_encoding(tmp_path: Path, encoding: str) -> None:
    text = ("\ufeff" if encoding == "utf-16-le" else "") + PLAIN.replace("Date", "Name,Date")
    text = "\n".join(line if n == 0 else f"Bär,{line}" for n, line in enumerate(text.splitlines()))
    bars = read_file(written(tmp_path, text, encoding=encoding)).bars
    assert list(bars["close"]) == CLOSES and set(bars["ticker"]) == {"BÄR"}


def test_opening__packed_files_sheets_feather_and_json(tmp_path: Path) -> None:
    raw = PLAIN.encode()
    (tmp_path / "acme.csv.gz").write_bytes(gzip.compress(raw))
    (tmp_path / "acme.csv.bz2").write_bytes(bz2.compress(raw))
    (tmp_path / "acme.csv.xz").write_bytes(lzma.compress(raw))
    with zipfile.ZipFile(tmp_path / "acme.csv.zip", "w") as packed:
        packed.writestr("acme.csv", raw)
    with zipfile.ZipFile(tmp_path / "acme.zip", "w") as packed:
        packed.writestr("prices.txt", raw)
    table = pd.read_csv(written(tmp_path, PLAIN))
    table.to_excel(tmp_path / "acme.xlsx", index=False)
    table.to_feather(tmp_path / "acme.feather")
    table.to_json(tmp_path / "acme.json", orient="records")
    table.set_index("Date").to_parquet(tmp_path / "acme.parquet")
    for path in tmp_path.iterdir():
        bars = read_file(path).bars
        assert (list(bars["close"]), set(bars["ticker"])) == (CLOSES, {"ACME"}), path.name


def test_opening__several_files_in_one_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as packed:
        packed.writestr("a.csv", PLAIN)
        packed.writestr("b.csv", PLAIN)
    (tmp_path / "all.zip").rename(tmp_path / "all.csv.zip")
    with pytest.raises(UnreadableFile, match="packs 2 files"):
        read_file(tmp_path / "all.csv.zip")


YFINANCE = """Price,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume
Ticker,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT
Date,,,,,,,,,,
2023-01-03,11,21,12,22,9,19,10,20,1000,2000
2023-01-04,12,,13,,10,,11,,1100,
"""


def test_layout__tickers_side_by_side_as_yfinance_writes_them(tmp_path: Path) -> None:
    two = "\n".join(line for line in YFINANCE.splitlines() if not line.startswith("Date"))
    fields_below = YFINANCE.splitlines()
    fields_below[0], fields_below[1] = fields_below[1], fields_below[0]
    for text in (YFINANCE, two, "\n".join(fields_below)):
        bars = read_file(written(tmp_path, text)).bars
        assert list(bars["ticker"]) == ["AAPL", "AAPL", "MSFT"]
        assert list(bars["close"]) == [11, 12, 21] and list(bars["open"]) == [10, 11, 20]
    table = pd.read_csv(written(tmp_path, YFINANCE), header=[0, 1], index_col=0, skiprows=[2])
    table.rename_axis("Date").to_parquet(tmp_path / "wide.parquet")
    assert list(read_file(tmp_path / "wide.parquet").bars["close"]) == [11, 12, 21]


def test_layout__one_value_a_ticker_is_named_as_that(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="one value a ticker"):
        read_file(written(tmp_path, "Date,AAPL,MSFT,GOOG\n2023-01-03,1,2,3\n"))


def test_rows__undated_ones_and_dividends_are_named_and_the_bars_kept(tmp_path: Path) -> None:
    text = PLAIN + ",1,1,1,1,1\n" * 30 + '2023-01-04,0.24 Dividend,,,,\n2023-01-04,"2:1 Stock Split"\n'
    path = written(tmp_path, text)
    reading = read_file(path)
    assert list(reading.bars["close"]) == CLOSES
    messages = {finding.rule: finding.message for finding in reading.findings}
    assert "30 (first: " in messages["undated_rows"] and "0.24 Dividend" in messages["action_rows"]
    assert "2:1 Stock Split" in messages["odd_rows"]


@pytest.mark.parametrize("live", ["2023-01-04,48.57,48.90,48.55,48.60,900000", "2023-01-04 14:30:00,48.57,50,48,49,9"])
def test_rows__the_live_row_beside_the_final_one_is_named(tmp_path: Path, live: str) -> None:
    path = written(tmp_path, PLAIN + live + "\n")
    assert list(read_file(path).bars["close"]) == CLOSES and rules(path) == {"live_rows"}


def test_rows__two_that_contradict_each_other_both_stay(tmp_path: Path) -> None:
    path = written(tmp_path, PLAIN + "2023-01-04,48.57,49.50,48.60,48.60,900000\n")
    assert len(read_file(path).bars) == 3 and rules(path) == set()


def test_rows__parts_of_a_session_are_refused(tmp_path: Path) -> None:
    hours = "".join(f"2023-01-{day:02d} {hour}:30:00,1,1,1,1,1\n" for day in (3, 4) for hour in range(10, 17))
    with pytest.raises(UnreadableFile, match="parts of a session, 7 a day"):
        read_file(written(tmp_path, HEADER + hours))


def test_names__codes_are_text_and_lost_zeros_are_asked_about(tmp_path: Path) -> None:
    table = pd.read_csv(written(tmp_path, PLAIN)).assign(Code=[7203, 5])
    table.to_parquet(tmp_path / "codes.parquet")
    assert list(read_file(tmp_path / "codes.parquet").bars["ticker"]) == ["5", "7203"]
    assert rules(tmp_path / "codes.parquet") == {"ticker_form"}
    mixed = written(
        tmp_path, "Code," + HEADER + "7203,2023-01-03,1,1,1,1,1\n0005,2023-01-03,1,1,1,1,1\nAB,2023-01-03,1,1,1,1,1\n"
    )
    assert list(read_file(mixed).bars["ticker"]) == ["0005", "7203", "AB"] and rules(mixed) == set()


def test_names__are_trimmed_and_folded_and_that_is_said(tmp_path: Path) -> None:
    rows = ["AAPL,2023-01-03", "aapl,2023-01-04", '"AAPL ",2023-01-05']
    path = written(tmp_path, "Symbol," + HEADER + "".join(f"{row},1,1,1,1,1\n" for row in rows))
    assert set(read_file(path).bars["ticker"]) == {"AAPL"} and rules(path) == {"ticker_form"}


def test_names__a_hive_folder_tells_the_ticker(tmp_path: Path) -> None:
    (tmp_path / "ticker=AAPL").mkdir()
    path = tmp_path / "ticker=AAPL" / "part-0.parquet"
    pd.read_csv(written(tmp_path, PLAIN)).to_parquet(path)
    assert set(read_file(path).bars["ticker"]) == {"AAPL"}


def adjusted_bars(applied: bool) -> pd.DataFrame:
    """A year with a split of two in its middle; `applied`: prices are those after it."""
    days = pd.bdate_range("2023-01-02", periods=250)
    factor = np.where(np.arange(250) < 125, 0.5, 1.0)
    closes = 50 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.015, 250)))
    prices = dict.fromkeys(PRICES, closes if applied else closes / factor)
    return pd.DataFrame({"date": days, **prices, "volume": 1000.0, "factor": factor})


def test_factor__beside_prices_that_hold_it_already_must_be_said(tmp_path: Path) -> None:
    adjusted_bars(applied=True).to_csv(tmp_path / "acme.csv", index=False)
    with pytest.raises(UnreadableFile, match="seem to be adjusted already"):
        read_file(tmp_path / "acme.csv")
    adjusted_bars(applied=True).rename(columns={"factor": "applied_factor"}).to_csv(tmp_path / "b.csv", index=False)
    adjusted_bars(applied=False).to_csv(tmp_path / "acme.csv", index=False)
    declared, raw = read_file(tmp_path / "b.csv").bars, read_file(tmp_path / "acme.csv").bars
    np.testing.assert_allclose(declared[list(PRICES)], raw[list(PRICES)])
    np.testing.assert_array_equal(declared["factor"], raw["factor"])


def test_factor__that_prices_are_to_be_divided_by_must_be_turned_round(tmp_path: Path) -> None:
    bars = adjusted_bars(applied=False)
    bars.assign(factor=1 / bars["factor"]).to_csv(tmp_path / "acme.csv", index=False)
    with pytest.raises(UnreadableFile, match="meant divided by it"):
        read_file(tmp_path / "acme.csv")


def test_factor__of_one_ticker_with_a_dividend_too_large_costs_no_other(tmp_path: Path) -> None:
    """Its step of 60 % without a move of the price is its own fault, since another ticker tells what `factor` means."""
    bars = adjusted_bars(applied=False).assign(ticker="ACME")
    odd = adjusted_bars(applied=True).assign(ticker="ODD", factor=lambda own: own["factor"].replace(0.5, 0.4))
    pd.concat([bars, odd]).to_csv(tmp_path / "both.csv", index=False)
    read = read_file(tmp_path / "both.csv").bars
    sessions = pd.DatetimeIndex(bars["date"])
    assert {(f.rule, f.ticker) for f in check(read, sessions)} == {("unexplained_jump", "ODD")}


@pytest.mark.parametrize("codes", [("1", "600000"), (1, 600000)])
def test_codes__of_different_lengths_may_have_lost_zeros(tmp_path: Path, codes: tuple[object, object]) -> None:
    bars = [adjusted_bars(applied=False).assign(code=code, factor=1.0) for code in codes]
    pd.concat(bars).to_csv(tmp_path / "codes.csv", index=False)
    assert "ticker_form" in rules(tmp_path / "codes.csv")
