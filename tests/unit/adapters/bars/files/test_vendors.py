"""Files as vendors, brokers and spreadsheets write them: the numbers they mean, or one sentence."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from evergreen.adapters.bars.files import files_in, read_file, read_files
from evergreen.core.bars.session import iso
from evergreen.errors import UnreadableFile
from tests.unit.adapters.bars.files.test_conventions import HEADER, PLAIN, written

BAR = ("ACME", "2023-01-13", 48.25, 48.96, 47.98, 48.57, 1_980_975.0)
"""What each of `READ` says in its own way."""

READ = {
    "stooq.pl": "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen\n2023-01-13,48.25,48.96,47.98,48.57,1980975",
    "yahoo page": "Date\tOpen\tHigh\tLow\tClose Close price adjusted for splits.\tAdj Close*\tVolume\n"
    "Jan 13, 2023\t48.25\t48.96\t47.98\t48.57\t40.1\t1,980,975",
    "investing.com in German": '"Datum","Zuletzt","Eröffn.","Hoch","Tief","Vol.","+/- %"\n'
    '"13.01.2023","48,57","48,25","48,96","47,98","1.980,975K","-0,12%"',
    "tiingo": "date,close,high,low,open,volume,divCash,splitFactor\n"
    "2023-01-13T00:00:00.000Z,48.57,48.96,47.98,48.25,1980975,0.0,1.0",
    "chart": "time,open,high,low,close,Volume\n2023-01-13,48.25,48.96,47.98,48.57,1980975",
    "chart in seconds": "time,low,high,open,close,volume\n1673568000.0,47.98,48.96,48.25,48.57,1980975",
    "kline": "open_time,open,high,low,close,volume,close_time,count\n"
    "1673568000000,48.25,48.96,47.98,48.57,1980975,1673654399999,5",
    "forex": "Gmt time,Open,High,Low,Close,Volume\n13.01.2023 00:00:00.000,48.25,48.96,47.98,48.57,1980975",
    "bloomberg": "Security,ACME US Equity\nCurrency,USD\n\nDate,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST,PX_VOLUME\n"
    "1/13/2023,48.25,48.96,47.98,48.57,1980975",
    "refinitiv": "Date,Price Open,Price High,Price Low,Price Close,Volume\n2023-01-13,48.25,48.96,47.98,48.57,1980975",
    "bhavcopy": "SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP,ISIN,\n"
    "ACME,EQ,48.25,48.96,47.98,48.57,48.6,47,1980975,9e7,13-JAN-2023,INE1,",
    "bhavcopy of 2024": "TradDt,BizDt,TckrSymb,OpnPric,HghPric,LwPric,ClsPric,LastPric,TtlTradgVol\n"
    "2023-01-13,2023-01-13,ACME,48.25,48.96,47.98,48.57,48.6,1980975",
    "bse": "Date,Open Price,High Price,Low Price,Close Price,WAP,No.of Shares,Total Turnover (Rs.)\n"
    "13-January-2023,48.25,48.96,47.98,48.57,48.5,1980975,9e7",
    "euronext": '"European Stocks"\nDate;Open;High;Low;Last;Close;Number of Shares;Turnover\n'
    "13/01/2023;48.25;48.96;47.98;48.6;48.57;1980975;9e7",
    "nordic": "sep=;\nDate;Bid;Ask;Opening price;High price;Low price;Closing price;Total volume;Turnover;\n"
    "2023-01-13;48,5;48,6;48,25;48,96;47,98;48,57;1980975;9e7;",
    "ariva, whose Volumen is money": "Datum;Erster;Hoch;Tief;Schlusskurs;Stuecke;Volumen\n"
    "2023-01-13;48,25;48,96;47,98;48,57;1.980.975;96.205.955",
    "Dutch": "Datum;Open;Hoogste;Laagste;Slot;Volume\n13-01-2023;48,25;48,96;47,98;48,57;1980975",
    "Swedish": "Datum;Öppn;Högst;Lägst;Stängn;Volym\n2023-01-13;48,25;48,96;47,98;48,57;1980975",
    "Turkish": "Tarih,Açılış,Yüksek,Düşük,Kapanış,Hacim\n2023-01-13,48.25,48.96,47.98,48.57,1980975",
    "tushare": "ts_code,trade_date,open,high,low,close,vol,amount\nACME,20230113,48.25,48.96,47.98,48.57,1980975,1",
    "a name beside its code": "Date,Code,Name,Open,High,Low,Close,Volume\n"
    "2023-01-13,ACME,AcmeHoldings,48.25,48.96,47.98,48.57,1980975",
    "shares in thousands": "Date,Open,High,Low,Close,Volume ('000s)\n2023-01-13,48.25,48.96,47.98,48.57,1980.975",
    "shares in millions": "Date,Open,High,Low,Close,Volume (mln)\n2023-01-13,48.25,48.96,47.98,48.57,1.980975",
    "dollars of the States": HEADER + "2023-01-13,US$48.25,US$48.96,US$47.98,US$48.57,1980975",
    "reais": HEADER.replace(",", ";") + "13/01/2023;R$ 48,25;R$ 48,96;R$ 47,98;R$ 48,57;1980975",
    "a header twice": HEADER + HEADER + "2023-01-13,48.25,48.96,47.98,48.57,1980975",
    "carriage returns": (HEADER + "2023-01-13,48.25,48.96,47.98,48.57,1980975\n").replace("\n", "\r"),
}


def bar_of(path: Path) -> tuple[str | float, ...]:
    (bar,) = read_file(path).bars.itertuples()
    return (bar.ticker, iso(bar.session), bar.open, bar.high, bar.low, bar.close, round(bar.volume, 6))


@pytest.mark.parametrize("vendor", READ)
def test_vendors__are_read_as_they_mean_it(tmp_path: Path, vendor: str) -> None:
    assert bar_of(written(tmp_path, READ[vendor])) == BAR


@pytest.mark.parametrize(
    ("encoding", "header"),
    [
        ("cp932", "日付,始値,高値,安値,終値,出来高"),
        ("gb18030", "日期,开盘,最高,最低,收盘,成交量"),
        ("big5", "日期,開盤價,最高價,最低價,收盤價,成交股數"),
        ("euc-kr", "날짜,시가,고가,저가,종가,거래량"),
        ("cp1251", "Дата,Откр.,Макс.,Мин.,Цена,Объём"),
        ("cp1250", "Data,Otwarcie,Najwyższy,Najniższy,Zamknięcie,Wolumen"),
        ("utf-32", HEADER.strip()),
    ],
)
def test_encodings__of_other_countries_are_told_by_the_header(tmp_path: Path, encoding: str, header: str) -> None:
    text = f"{header}\n2023-01-13,48.25,48.96,47.98,48.57,1980975\n"
    assert bar_of(written(tmp_path, text, encoding=encoding)) == BAR


def test_json_lines__are_read(tmp_path: Path) -> None:
    _, day, *numbers = BAR
    line = json.dumps({"date": day} | dict(zip(("open", "high", "low", "close", "volume"), numbers, strict=True)))
    for name in ("acme.jsonl", "acme.json"):
        assert len(read_file(written(tmp_path, f"{line}\n{line}\n", name)).bars) == 2


FACTORS = "".join(f"2023-01-{day:02},48,49,47,48.5,1,{0.5 if day == 11 else 1}\n" for day in (9, 10, 11, 12))
REFUSED = {
    "money in the place of shares": (HEADER.replace("Volume", "Volume (USD)") + "2023-01-13,1,1,1,1,1\n", "for volume"),
    "two currencies": (
        HEADER.replace("\n", ",Currency\n") + "2023-01-12,1,1,1,1,1,USD\n2023-01-13,1,1,1,1,1,CAD\n",
        "prices of ACME are in several currencies, CAD, USD",
    ),
    "names in a column that is not known": (
        "who," + HEADER + "".join(f"{who},2023-01-{day},{n},{n},{n},{n},1\n" for day in (12, 13) for n, who in
                                  enumerate("AB", 5)),
        "2 bars a day, and no column says whose",
    ),
    "a factor of single events": (HEADER.replace("\n", ",Factor\n") + FACTORS, "the factor is 0.5 on 2023-01-11"),
    "years of another count": (HEADER + "112/01/13,1,1,1,1,1\n", "'112/01/13' cannot be read"),
    "days since 1900": (HEADER + "44939,1,1,1,1,1\n", "'44939' cannot be read"),
    "fields between blanks": ("Date Open High Low Close Volume\n2023-01-13 1 1 1 1 1\n", "no column for"),
    "two prices": ("Date,Bid Open,Ask Open,Volume\n2023-01-13,1,1,1\n", "no column for open, high, low, close"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_vendors__that_leave_it_open_are_refused_in_a_sentence(tmp_path: Path, kind: str) -> None:
    text, sentence = REFUSED[kind]
    with pytest.raises(UnreadableFile, match=sentence):
        read_file(written(tmp_path, text))


def test_files__reached_by_links_or_marked_are_read_or_named(tmp_path: Path) -> None:
    folder = tmp_path / "bars"
    (tmp_path / "elsewhere").mkdir()
    folder.mkdir()
    written(tmp_path / "elsewhere", PLAIN)
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "loop").symlink_to(folder)
    (folder / "gone.csv").symlink_to(tmp_path / "absent.csv")
    written(folder, HEADER, "empty.csv")
    written(folder, PLAIN, "_aside.csv")
    os.mkfifo(folder / "pipe.csv")
    read = read_files(files_in(folder))
    assert set(read.bars["ticker"]) == {"ACME"} and len(read.bars) == 2
    named = {(finding.rule, finding.message.split(":")[0].rsplit("/", 1)[-1].split()[0]) for finding in read.findings}
    assert named == {
        ("unreadable", "gone.csv"),
        ("no_rows", "empty.csv"),
        ("not_bars", "_aside.csv"),
        ("not_bars", "pipe.csv"),
    }


def test_names__that_a_terminal_or_utf8_would_not_take_are_written_as_codes(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"a\xff\n.csv")).write_text(PLAIN)
    written(tmp_path, "Ticker," + HEADER + "\x1b[31mB\x1b[0m,2023-01-03,1,x,1,1,1\n", "long.csv")
    read = read_files(files_in(tmp_path))
    texts = [*read.bars["ticker"], *(finding.message for finding in read.findings)]
    assert all(text.isprintable() and text.encode() for text in texts)
