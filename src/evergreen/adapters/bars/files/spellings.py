"""How files call our columns: vendors' spellings, and the words of other languages."""

from __future__ import annotations

import re
import unicodedata

_SPELLINGS = {
    "ticker": "ticker symbol name code instrument コード 銘柄コード 代码 股票代码 证券代码 종목코드 тикер",
    "session": (
        "session date tradingday tradedate datetime timestamp day "
        "datum fecha data 日付 日付け 日期 交易日期 날짜 일자 дата"
    ),
    "time": "time",
    "open": (
        "open openprice o "
        "eröffnung eröffnungskurs eröffn erster ouverture ouv apertura abertura 始値 开盘 开盘价 시가 открытие откр"
    ),
    "high": (
        "high highprice h "
        "hoch höchst tageshoch haut plushaut máximo máxima max massimo 高値 最高 最高价 高 고가 максимум макс"
    ),
    "low": (
        "low lowprice l tief tiefst tagestief bas plusbas mínimo mínima min minimo 安値 最低 最低价 低 저가 минимум мин"
    ),
    "close": (
        "close closelast closeprice last price c "
        "schluss schlusskurs zuletzt clôture dernier cierre chiusura fechamento último ultimo "
        "終値 收盘 收盘价 종가 закрытие закр цена"
    ),
    "volume": "volume vol v totalvolume volumen stück stücke 出来高 成交量 交易量 거래량 объём",
    "factor": "factor adjfactor adjustmentfactor",
    "applied_factor": "appliedfactor",
    "adjusted_close": "adjclose adjustedclose closeadj 調整後終値",
}
_IN_A_CURRENCY = r"\((?:[A-Z]{3}|GBp|[^\w\s])\)\s*$"


def plain(name: object) -> str:
    """A column's name as it is compared: letters of any script without their marks, small; no currency behind it."""
    letters = unicodedata.normalize("NFKD", re.sub(_IN_A_CURRENCY, "", str(name)).lower())
    return "".join(letter for letter in letters if letter.isalpha())


SPELLINGS = {name: tuple(map(plain, words.split())) for name, words in _SPELLINGS.items()}
