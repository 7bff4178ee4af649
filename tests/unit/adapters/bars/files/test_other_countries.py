"""Files from other countries and programs: headers, months, currencies, midnights elsewhere, folders that tell."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pandas as pd
import pytest

from evergreen.adapters.bars.files import read_file, read_files
from evergreen.core.bars.session import iso
from evergreen.errors import UnreadableFile
from tests.unit.adapters.bars.files.test_conventions import HEADER, PLAIN, rules, written

DAYS = pd.bdate_range("2023-01-02", periods=15)


def rows(dates: list[str], separator: str = ",") -> str:
    return "".join(separator.join([date, "48", "49", "47", "48.5", "1000"]) + "\n" for date in dates)


@pytest.mark.parametrize(
    "header",
    [
        "Datum,Eröffnung,Hoch,Tief,Schluss,Volumen",
        "Date,Ouv.,+ Haut,+ Bas,Clôture,Volume",
        "Fecha,Apertura,Máximo,Mínimo,Cierre,Volumen",
        "Data,Apertura,Massimo,Minimo,Chiusura,Volume",
        "Data,Abertura,Máxima,Mínima,Fechamento,Vol.",
        "日付け,始値,高値,安値,終値,出来高",
        "日期,开盘,高,低,收盘,交易量",
        "날짜,시가,고가,저가,종가,거래량",
        "Дата,Откр.,Макс.,Мин.,Цена,Объём",
        "Date,Open (USD),High (USD),Low (USD),Close (USD),Volume",
    ],
)
def test_headers__are_read_in_the_languages_of_exchanges(tmp_path: Path, header: str) -> None:
    text = f"{header}\n{rows([iso(day) for day in DAYS])}"
    (bar, *_) = read_file(written(tmp_path, text)).bars.itertuples()
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (48, 49, 47, 48.5, 1000)


@pytest.mark.parametrize(
    "form",
    ["%d-%b-%y", "%d-%B-%Y", "%b-%d-%Y", "%d/%b/%Y", '"%A, %B %d, %Y"', "%a %d %b %Y", "%Y年%m月%d日"],
)
def test_dates__with_months_in_words_or_signs_are_read_whole(tmp_path: Path, form: str) -> None:
    days = pd.bdate_range("2023-04-24", periods=15)  # past a May, whose short name is its long one
    bars = read_file(written(tmp_path, HEADER + rows(list(days.strftime(form))))).bars
    assert list(bars["session"]) == list(days)


@pytest.mark.parametrize("months", ["Mär Mai", "févr. juin", "dic ago", "set out"])
def test_dates__have_months_in_other_languages(tmp_path: Path, months: str) -> None:
    numbers = {"Mär Mai": (3, 5), "févr. juin": (2, 6), "dic ago": (12, 8), "set out": (9, 10)}[months]
    bars = read_file(written(tmp_path, HEADER + rows([f"4 {month} 2021" for month in months.split()]))).bars
    assert sorted(bars["session"].dt.month) == sorted(numbers)


def test_dates__in_two_ways_are_read_where_both_tell_their_order_and_refused_where_one_does_not(tmp_path: Path) -> None:
    iso_dates, compact = [iso(day) for day in DAYS], list(pd.bdate_range("2023-02-01", periods=15).strftime("%Y%m%d"))
    assert len(read_file(written(tmp_path, HEADER + rows(iso_dates + compact))).bars) == 30
    with pytest.raises(UnreadableFile, match="written in two ways"):
        read_file(written(tmp_path, HEADER + rows([*iso_dates, "02/03/2023", "03/03/2023"])))


def test_dates__most_of_which_are_no_days_are_refused_not_left_out(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="'2023-13-01' cannot be read"):
        read_file(written(tmp_path, HEADER + rows([f"2023-{day}-01" for day in range(10, 31)])))


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "Asia/Kolkata", "Europe/London", "Australia/Sydney"])
@pytest.mark.parametrize("written_as", ["typed", "text", "epoch"])
def test_midnights_of_an_exchange_to_the_east__are_its_days(tmp_path: Path, zone: str, written_as: str) -> None:
    """In London's summer, and east of it always, midnight is the day before in UTC."""
    days = pd.bdate_range("2023-03-01", "2023-05-31", unit="us")
    moments = pd.Series(days.tz_localize(zone).tz_convert("UTC"))
    if written_as == "typed":
        path = tmp_path / "acme.parquet"
        pd.DataFrame({"date": moments, "open": 48, "high": 49, "low": 47, "close": 48.5, "volume": 9}).to_parquet(path)
    else:
        texts = moments.astype(str) if written_as == "text" else (moments.astype("int64") // 10**6).astype(str)
        path = written(tmp_path, HEADER + rows(list(texts)))
    read = read_file(path)
    assert list(read.bars["session"]) == list(days)
    assert "date_form" in {finding.rule for finding in read.findings}


def test_closes_in_utc__stay_on_their_day(tmp_path: Path) -> None:
    closes = (DAYS + pd.Timedelta(hours=16)).tz_localize("America/New_York").tz_convert("UTC")
    assert list(read_file(written(tmp_path, HEADER + rows(list(closes.astype(str))))).bars["session"]) == list(DAYS)


@pytest.mark.parametrize("price", ["USD 48.50", "48.50 €", "48.50p", "₹48.50", "48.50 kr", "Rs. 48.50"])
def test_prices__leave_out_one_currency(tmp_path: Path, price: str) -> None:
    bars = read_file(written(tmp_path, HEADER + f"2023-01-03,{price},{price},{price},{price},1000\n")).bars
    assert bars["close"].tolist() == [48.5]


def test_prices__in_several_currencies_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="several units, p, £"):
        read_file(written(tmp_path, HEADER + "2023-01-03,£4,£4,£4,£4,1\n2023-01-04,400p,400p,400p,400p,1\n"))


def test_prices__with_a_letter_here_and_there_are_left_to_validation(tmp_path: Path) -> None:
    """A footnote may say that a price is preliminary: it is not a unit, and not a number either."""
    text = HEADER + rows([iso(day) for day in DAYS]) + "2023-01-23,48,49,47,48.5p,1000\n"
    assert read_file(written(tmp_path, text)).bars["close"].isna().tolist() == [False] * 15 + [True]


@pytest.mark.parametrize(
    ("volume", "shares"), [("1.5m", 1.5e6), ("1.5 Mio.", 1.5e6), ("2.5 lakh", 2.5e5), ("1.5bn", 1.5e9), ("2Mrd", 2e9)]
)
def test_volumes__are_scaled_as_their_letters_say(tmp_path: Path, volume: str, shares: float) -> None:
    bars = read_file(written(tmp_path, HEADER + f"2023-01-03,48,49,47,48.5,{volume}\n")).bars
    assert bars["volume"].tolist() == [shares]


def test_numbers__of_another_kind_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="'48 3/8' cannot be read"):
        read_file(written(tmp_path, HEADER + "2023-01-03,48 3/8,48 1/2,48 1/4,48 3/8,1000\n"))


def test_columns__called_alike_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="more than one column called Close"):
        read_file(written(tmp_path, "Date,Open,High,Low,Close,Close,Volume\n2023-01-03,48,49,47,48.5,24.2,1000\n"))


def test_header__that_is_not_there_is_what_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="no header: its first line is 2023-01-03"):
        read_file(written(tmp_path, PLAIN.removeprefix(HEADER)))


def test_header__above_a_row_without_a_ticker_is_one_line(tmp_path: Path) -> None:
    text = "ticker,date,open,high,low,close,volume\n,2023-01-03,48,49,47,48,9\nACME,2023-01-04,48,49,47,48,9\n"
    assert read_file(written(tmp_path, text)).bars["ticker"].tolist() == ["", "ACME"]


def test_folders__say_ticker_and_session(tmp_path: Path) -> None:
    """Several levels, names that a URL would escape, and a session that stands in no column."""
    line = "48,49,47,48.5,1000\n"
    for place in ("ticker=BRK%2EB/year=2023/date=2023-01-03", "exchange=XNYS/date=2023-01-04"):
        (tmp_path / place).mkdir(parents=True)
    own = written(
        tmp_path / "ticker=BRK%2EB/year=2023/date=2023-01-03", f"Open,High,Low,Close,Volume\n{line}", "p-0.csv"
    )
    of_all = "Ticker,Open,High,Low,Close,Volume\nMSFT," + line
    bars = read_files([own, written(tmp_path / "exchange=XNYS/date=2023-01-04", of_all, "p-0.csv")]).bars
    assert [(bar.ticker, iso(bar.session)) for bar in bars.itertuples()] == [
        ("BRK.B", "2023-01-03"),
        ("MSFT", "2023-01-04"),
    ]


def test_file_of_a_day__says_its_session(tmp_path: Path) -> None:
    path = written(tmp_path, "Ticker,Open,High,Low,Close,Volume\nMSFT,48,49,47,48,9\n", "bars_20230103.csv")
    assert iso(read_file(path).bars["session"][0]) == "2023-01-03"
    assert "date_form" in rules(path)


def test_file_called_by_a_year__is_no_ticker(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="nothing says whose bars"):
        read_file(written(tmp_path, PLAIN, "2023.csv"))
    assert read_file(written(tmp_path, PLAIN, "1925.csv")).bars["ticker"].unique().tolist() == ["1925"]  # Daiwa House


def test_workbook__of_one_table_is_read_below_notes_and_one_of_two_is_refused(tmp_path: Path) -> None:
    table = pd.DataFrame({"ticker": "NA", "date": DAYS, "open": 48, "high": 49, "low": 47, "close": 48.5, "volume": 9})
    for name, sheets in {"one": ["Bars"], "two": ["AAPL", "MSFT"]}.items():
        with pd.ExcelWriter(tmp_path / f"{name}.xlsx") as book:
            pd.DataFrame({"note": ["from our vendor"]}).to_excel(book, sheet_name="Read me", index=False)
            for sheet in sheets:
                table.to_excel(book, sheet_name=sheet, index=False, startrow=4)
    bars = read_file(tmp_path / "one.xlsx").bars
    assert (bars["ticker"].unique().tolist(), len(bars), bars["close"].unique().tolist()) == (["NA"], 15, [48.5])
    with pytest.raises(UnreadableFile, match=r"2 sheets with tables \(AAPL, MSFT\)"):
        read_file(tmp_path / "two.xlsx")


def test_archive__with_what_a_system_put_beside_it_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "ACME.csv.zip", "w") as packed:
        packed.writestr("ACME.csv", PLAIN)
        packed.writestr("__MACOSX/._ACME.csv", "x")
    assert len(read_file(tmp_path / "ACME.csv.zip").bars) == 2


@pytest.mark.parametrize(("start", "form"), [(b"PK\x03\x04", "workbook"), (b"PAR1", "Parquet"), (b"\x1f\x8b", "gzip")])
def test_text_file_that_is_none__is_named_by_its_content(tmp_path: Path, start: bytes, form: str) -> None:
    (tmp_path / "acme.csv").write_bytes(start + bytes(200))
    with pytest.raises(UnreadableFile, match=f"is no text: by its content it is .*{form}"):
        read_file(tmp_path / "acme.csv")
