"""Bars whose dates say another time than they are of: whole months written into other years, weeks in place of days."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from evergreen.core.quality.delivery_panel import DeliveryPanel
from evergreen.core.quality.tape import Ints, Mask

COARSE = ((5, 9), (26, 35), (80, 100), (350, 380))  # days between bars of weeks, months, quarters and years
MOSTLY = 0.8  # of a ticker's gaps: one session in five may be missing or come between
LONG_RUN = 12  # gaps on end: a quarter of weekly bars before or after daily ones
FEWEST_GAPS = 6  # bars after the first: a thin share may trade on five Mondays in a row
APART = 60  # days: an island of bars lies that far from the others
OFF_SHARE = 0.2  # of an island's days: in another year two days in seven fall on weekends
YEARS = range(1, 11)  # a slip of more than a decade shows in other ways
FITS = 0.95  # of an island's days are sessions once it is moved back


def not_daily(panel: DeliveryPanel) -> Mask:
    """All bars of tickers whose bars stand a week, month, quarter or year apart, mostly or for a quarter on end."""
    codes = pd.factorize(panel.bars["ticker"])[0]
    days = panel.bars["session"].to_numpy().astype("datetime64[D]").astype(np.int64)
    gap, own = np.diff(days), np.diff(codes) == 0
    tickers = int(codes.max(initial=-1)) + 1
    gaps = np.bincount(codes[1:][own], minlength=tickers)
    coarse = np.zeros(tickers, dtype=bool)
    for shortest, longest in COARSE:
        regular = own & (gap >= shortest) & (gap <= longest)
        within = np.bincount(codes[1:][regular], minlength=tickers)
        coarse |= (gaps >= FEWEST_GAPS) & (within >= MOSTLY * gaps)
        coarse[codes[1:][_ends_long_run(regular)]] = True
    return np.asarray(coarse[codes] & (codes >= 0))


def _ends_long_run(marked: Mask) -> Mask:
    """The places at which as many as a long run are marked on end; runs end where tickers do."""
    so_far = np.arange(1, len(marked) + 1)
    return np.asarray(so_far - np.maximum.accumulate(np.where(marked, 0, so_far)) >= LONG_RUN)


def moved_by_years(panel: DeliveryPanel, off: Mask) -> Mask:
    """Islands of a ticker's bars that lie on days without trading, and on sessions it lacks some whole years away."""
    moved = np.zeros(len(off), dtype=bool)
    codes = pd.factorize(panel.bars["ticker"])[0]
    for code in np.unique(codes[off]):
        rows = np.flatnonzero((codes == code) & panel.bars["session"].notna().to_numpy())
        for island in _islands(panel, rows):
            if off[island].mean() >= OFF_SHARE and _belongs_elsewhere(panel, rows, island):
                moved[island] = True
    return moved


def _islands(panel: DeliveryPanel, rows: Ints) -> Iterator[Ints]:
    """Runs of a ticker's bars far from its others, the greatest run left out."""
    days = pd.DatetimeIndex(panel.bars["session"].iloc[rows])
    runs = np.split(rows, np.flatnonzero(np.diff(days).astype("timedelta64[D]").astype(int) > APART) + 1)
    main = max(runs, key=len)
    return (run for run in runs if run is not main)


def _belongs_elsewhere(panel: DeliveryPanel, rows: Ints, island: Ints) -> bool:
    days = pd.DatetimeIndex(panel.bars["session"].iloc[island])
    others = pd.DatetimeIndex(panel.bars["session"].iloc[np.setdiff1d(rows, island)])
    for years in (*YEARS, *(-year for year in YEARS)):
        back = days - pd.DateOffset(years=years)
        if back.isin(panel.days).mean() >= FITS and not back.isin(others).any():
            return True
    return False
