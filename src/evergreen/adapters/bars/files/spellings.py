"""How files call our columns: vendors' spellings, and the words of other languages."""

from __future__ import annotations

import re
import unicodedata

_SPELLINGS = {  # of several in one header the first counts: a code before a name, shares before what may be money
    "ticker": (
        "ticker symbol code tscode ric tckrsymb instrument security name "
        "コード 銘柄コード 代码 股票代码 证券代码 證券代號 종목코드 тикер"
    ),
    "session": (
        "session date tradingday tradedate traddt datetime timestamp day gmttime localtime opentime windowstart "
        "datum fecha data tarih päivä 日付 日付け 日期 交易日期 날짜 일자 дата"
    ),
    "time": "time",
    "open": (
        "open openprice priceopen openingprice pxopen opnpric o "
        "eröffnung eröffnungskurs eröffn erster ouverture ouv apertura abertura otwarcie öppn åbning açılış "
        "始値 开盘 开盘价 開盤價 시가 открытие откр"
    ),
    "high": (
        "high highprice pricehigh pxhigh hghpric h "
        "hoch höchst tageshoch haut plushaut máximo máxima max massimo najwyższy hoogste högst høj yüksek "
        "高値 最高 最高价 最高價 高 고가 максимум макс"
    ),
    "low": (
        "low lowprice pricelow pxlow lwpric l "
        "tief tiefst tagestief bas plusbas mínimo mínima min minimo najniższy laagste lägst lav düşük "
        "安値 最低 最低价 最低價 低 저가 минимум мин"
    ),
    "close": (
        "close closelast closeprice priceclose closingprice pxlast clspric closeclosepriceadjustedforsplits "
        "last price c schluss schlusskurs zuletzt clôture dernier cierre chiusura fechamento último ultimo "
        "zamknięcie slot stängn kapanış 終値 收盘 收盘价 收盤價 종가 закрытие закр цена"
    ),
    "volume": (
        "numberofshares noofshares shares totaltradedquantity tottrdqty ttltradgvol stück stücke stuecke 成交股數 "
        "volume vol v totalvolume pxvolume volumen wolumen volym hacim 出来高 成交量 交易量 거래량 объём"
    ),
    "factor": "factor adjfactor adjustmentfactor",
    "applied_factor": "appliedfactor",
    "adjusted_close": (
        "adjclose adjustedclose closeadj 調整後終値 "
        "adjcloseadjustedclosepriceadjustedforsplitsanddividendandorcapitalgaindistributions"
    ),
    "currency": "currency ccy währung devise moneda valuta moeda 通貨 货币",
}
_IN_A_CURRENCY = r"\((?:[A-Z]{3}|GBp|[^\w\s])\)\s*$"
_IN_MANY = r"\(\s*(?:in\s+)?'?(000)?'?\s*([a-zA-Z]*)\.?\s*\)\s*$"
_MANY = {"k": 1e3, "thousand": 1e3, "thousands": 1e3, "tsd": 1e3, "m": 1e6, "mn": 1e6, "mln": 1e6, "mio": 1e6}
_MANY |= {"million": 1e6, "millions": 1e6}


def plain(name: object) -> str:
    """A column's name as it is compared: letters of any script without their marks, small; no unit behind it. One that
    counts money where its name could be of shares (`Volume (USD)`) stays another name."""
    text = str(name)
    bare = re.sub(_IN_A_CURRENCY, "", text)
    letters = _letters(bare)
    if bare != text and letters in SHARES:
        return _letters(text)
    return _letters(re.sub(_IN_MANY, "", text)) if scale_of(text) != 1 else letters


def scale_of(name: object) -> float:
    """By how much a column is to be multiplied whose name says so: `Volume (000s)`, `Volume (in millions)`."""
    unit = re.search(_IN_MANY, str(name))
    if not unit:
        return 1.0
    return 1e3 if unit[1] and unit[2].lower() in ("", "s") else _MANY.get(unit[2].lower(), 1.0)


def _letters(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.lower())
    return "".join(letter for letter in letters if letter.isalpha())


SHARES = frozenset(map(_letters, _SPELLINGS["volume"].split()))
SPELLINGS = {name: tuple(map(_letters, words.split())) for name, words in _SPELLINGS.items()}
KNOWN = frozenset(spelling for spellings in SPELLINGS.values() for spelling in spellings)
