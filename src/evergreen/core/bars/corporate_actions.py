"""Splits and dividends: prices stay raw, and factors of different making are brought to one scale."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evergreen.core.bars.schema import KEYS

ROUNDING = 1e-9  # relative: what one rescaling does to a factor
LARGE = 0.25  # of the price: beyond what is paid out of a year's earnings
LEAST_FALL = 0.25  # of a dividend, in the price of its day: the market moves by a few per cent besides
OTHER_UNIT = 30.0  # times the usual share: units differ by 100, yields of one company by ten
FEWEST_PAID = 4  # a year of quarters: of fewer none is usual
LEAST_SHARE = 0.001  # of the price: who pays at all pays more than that at a time
DECIMALS = 4  # the finest that exchanges quote


def link_factors(delivery: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """`delivery` with each ticker's factors on the scale of the bars `known` before it.

    Only ratios of factors mean anything, and vendors anchor them at the newest session: with every split or
    dividend all earlier factors move. Each ticker's factors are multiplied by one number, such that they agree
    with `known` on the earliest session that both hold. A split that arrives later then changes the bars from
    its date on, and nothing before it; one that was forgotten and is told later restates what follows it.

    Args:
        delivery: bars with ticker, session and factor, in any order.
        known: the bars in force, of the same tickers or more.

    Returns:
        `delivery` with other factors, rows and index as they were; a ticker without a common session, or
        without usable factors there, stays as it is.
    """
    pairs = delivery[[*KEYS, "factor"]].merge(known[[*KEYS, "factor"]], on=KEYS, suffixes=("", "_known"))
    usable = np.isfinite(pairs["factor_known"] / pairs["factor"]) & (pairs["factor"] > 0) & (pairs["factor_known"] > 0)
    pairs = pairs[usable].sort_values("session").drop_duplicates("ticker").set_index("ticker")
    scale = (pairs["factor_known"] / pairs["factor"]).reindex(delivery["ticker"]).fillna(1.0).to_numpy()
    if (scale == 1.0).all():
        return delivery
    linked = delivery.assign(factor=delivery["factor"] * scale)
    stands = linked[KEYS].merge(known.drop_duplicates(KEYS, keep="last"), on=KEYS, how="left")["factor"].to_numpy()
    same = (scale != 1.0) & (np.abs(linked["factor"].to_numpy() / stands - 1.0) < ROUNDING)
    return linked.assign(factor=np.where(same, stands, linked["factor"]))


def unadjusted(history: pd.DataFrame) -> pd.DataFrame:
    """Raw prices and factors from prices that are adjusted for splits, the way Yahoo gives them.

        S_t = prod of splits after t;  raw price = price * S_t;  raw volume = volume / S_t
        factor_t = prod over s > t of (1 - dividend_s * split_s / close_{s-1}) / split_s      (both raw)

    Raw prices are rounded to 4 decimals, the finest that exchanges quote, because vendors send them in single
    precision: told again after a split, they are then the same to the bit.

    Args:
        history: one ticker's bars by session, complete up to now: open, high, low, close, volume (adjusted for
            splits, later ones too), dividends (a share, adjusted alike), splits (new shares for an old one, 0
            for none).

    Returns:
        open, high, low, close, volume and factor, on the same index; the newest factor is 1.0.

    Source: the adjustment of the Center for Research in Security Prices, as Yahoo describes its own.
    """
    split = history["splits"].where(history["splits"] > 0, 1.0)
    later_splits = _product_after(split)
    prices = {name: (history[name] * later_splits).round(DECIMALS) for name in ("open", "high", "low", "close")}
    dividend = (history["dividends"] * later_splits).round(DECIMALS + 2)
    payout = 1.0 - (dividend * split / prices["close"].shift()).fillna(0.0)
    return pd.DataFrame(
        {**prices, "volume": (history["volume"] / later_splits).round(), "factor": _product_after(payout / split)},
        index=history.index,
    )


def odd_dividends(history: pd.DataFrame, *, in_hundredths: bool = False) -> pd.Series:
    """Which dividends cannot be what was paid, or not in the unit of the prices.

    A share of the price that the price did not fall by (a quarter of it at least is asked for), where the share is a
    quarter of the price or 30 times the ticker's usual one; or a 30th of the usual one: pounds beside pence, and prices
    a hundred times too small beside the rest. Where prices are `in_hundredths` of a unit (pence) and the usual share is
    under a thousandth, all of them were told in the unit itself.

    Args:
        history: as `unadjusted` takes it.
        in_hundredths: whether the exchange quotes in pence, cents or agorot.
    """
    paid, before = history["dividends"], history["close"].shift()
    share = (paid / before).where(paid > 0)
    usual = share.median() if share.count() >= FEWEST_PAID else np.nan
    stayed = history["open"] / before > 1.0 - share * LEAST_FALL
    large = (share >= LARGE) | (share >= OTHER_UNIT * usual)
    small = (share <= usual / OTHER_UNIT) | (in_hundredths & (share.median() < LEAST_SHARE) & (share > 0))
    return ((large & stayed) | (share >= 1.0) | small).fillna(False).astype(bool)


def _product_after(values: pd.Series) -> pd.Series:
    """At each place the product of all values after it."""
    return values[::-1].cumprod()[::-1].shift(-1, fill_value=1.0)
