"""Validation against injected defects: recall and false alarms of each class, beside single-bar limits.

    python benchmarks/faults.py [--bars FILE.parquet] [--count 200]

Without --bars, a simulated market of 300 tickers over 5 years. Each class is injected alone, at random places of bars
that validation finds nothing in. A fault is found when one of the rules that name it marks one of its bars; a false
alarm is any finding that refuses something, on bars that no fault touched. The rival is what a table of limits per
value can do (what most suites of expectations hold): numbers present and positive, high highest, low lowest, keys
unique, the close within 50 % of the one before.
"""

from __future__ import annotations

import argparse
import time
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.adapters.bars.files import read_any
from evergreen.core.bars.calendar import Calendar
from evergreen.core.market import FAULTS, HARMLESS, Spoiled, simulate, spoil
from evergreen.core.quality import RULES, Screening, screen, split

XNYS = Calendar("XNYS")
DAY = {"faulty_session", "vendor_fault"}
NAMED = {
    "missing_value": {"not_finite"},
    "infinite_value": {"not_finite"},
    "not_positive": {"not_positive"},
    "negative_volume": {"negative_volume"},
    "zero_volume": {"zero_volume"},
    "high_below_low": {"high_not_highest", "low_not_lowest"},
    "halved_close": {"low_not_lowest", "spike"},
    "lost_digit": {"spike", "lost_digit"},
    "decimal_comma": {"spike", "lost_digit"},
    "wrong_wick": {"wick"},
    "spike": {"spike"},
    "wrong_company": {"wrong_company", "spike"},
    "repeated_previous": {"stale_bar"},
    "flat_line": {"flat_line"},
    "halted": {"halted"},
    "unadjusted_split": {"unadjusted_split"},
    "half_adjusted_split": {"unadjusted_split"},
    "other_unit": {"unadjusted_split"},
    "provisional_session": {"provisional_session"},
    "day_fields_missing": DAY,
    "day_volume_zero": DAY,
    "day_repeats_previous": DAY,
    "duplicate": {"repeated_bar"},
    "conflicting_duplicate": {"conflicting_bars"},
    "weekend_bar": {"not_a_session"},
    "future_bar": {"future_session"},
    "shifted_dates": {"shifted_dates"},
    "moved_months": {"shifted_dates"},
    "spellings": {"other_spelling"},
    "missing_sessions": {"missing_sessions"},
    "recycled_symbol": {"recycled_symbol"},
    "same_series": {"same_series"},
    "day_mostly_absent": {"low_coverage"},
    "day_partly_absent": {"thin_coverage"},
}
WHOLE_TICKERS = {
    "shifted_dates",
    "moved_months",
    "same_series",
}  # of a few tickers: with most of them it is another fault
KEYS = ["ticker", "session"]


def keys(bars: pd.DataFrame) -> pd.MultiIndex:
    """Ticker and session of each bar."""
    return pd.MultiIndex.from_frame(bars[KEYS])


def recall(truth: pd.DataFrame, marked: pd.MultiIndex) -> tuple[int, int]:
    """Events found, and all."""
    recalled = pd.Series(keys(truth).isin(marked)).groupby(truth["event"].to_numpy()).any()
    return int(recalled.sum()), len(recalled)


def marked_by(screening: Screening, names: Iterable[str]) -> pd.MultiIndex:
    """The bars that any of the rules marks."""
    return keys(hit_by(screening, names))


def hit_by(screening: Screening, names: Iterable[str]) -> pd.DataFrame:
    """As `marked_by`, whole bars."""
    rules = [rule for rule in RULES if rule.name in set(names)]
    marked: NDArray[np.bool_] = np.logical_or.reduce([screening.marked(rule) for rule in rules])
    return screening.bars[marked]


def limits(bars: pd.DataFrame) -> pd.MultiIndex:
    """The bars that break a limit of the rival."""
    prices = bars[["open", "high", "low", "close"]]
    change = (bars["close"] / bars["close"].shift()).where(bars["ticker"] == bars["ticker"].shift(), 1.0)
    numbers = bars[["open", "high", "low", "close", "volume", "factor"]].to_numpy()
    wrong = pd.Series(~np.isfinite(numbers).all(axis=1), bars.index)
    wrong |= (prices <= 0).any(axis=1) | (bars["volume"] < 0) | (bars["factor"] <= 0)
    wrong |= (prices.max(axis=1) > bars["high"] * (1 + 1e-9)) | (prices.min(axis=1) < bars["low"] * (1 - 1e-9))
    wrong |= bars.duplicated(KEYS, keep=False) | ~change.between(0.5, 1.5)
    return keys(bars[wrong])


def untouched(spoiled: Spoiled, screening: Screening) -> int:
    """Findings that refuse something, on tickers and sessions without a fault."""
    grave = [rule.name for rule in RULES if rule.severity != "warn"]
    about = hit_by(screening, grave)
    truth = spoiled.truth
    apart = ~about["ticker"].isin(truth["ticker"]) & ~about["session"].isin(truth["session"])
    return int(apart.sum()) if len(truth) else len(about)


def refused_for_nothing(spoiled: Spoiled, screening: Screening) -> tuple[int, int]:
    """Of what is no fault, how often a bar of its ticker is refused, and all."""
    grave = [rule.name for rule in RULES if rule.severity != "warn"]
    hurt = set(hit_by(screening, grave)["ticker"])
    tickers = spoiled.truth.groupby("event")["ticker"].first()
    return int(tickers.isin(hurt).sum()), len(tickers)


def clean_panel(path: Path | None) -> pd.DataFrame:
    """Bars in which no rule finds anything: those of a file less the tickers with findings, or simulated ones."""
    bars = simulate(300, 5 * 252, seed=11) if path is None else read_any(path)
    days = XNYS.sessions(bars["session"].min(), bars["session"].max())
    screening = screen(bars, days)
    findings = screening.findings()
    grave = [finding for finding in findings if finding.severity != "warn"]
    print(
        f"as they are    {len(bars):,} bars, {len(grave)} findings that refuse, {len(findings) - len(grave)} warnings"
    )
    _, refused = split(bars, findings)
    hurt = refused["ticker"].unique()
    bars = bars[~bars["ticker"].isin(hurt)].reset_index(drop=True)
    print(f"injected into  {len(bars):,} bars of {bars['ticker'].nunique()} tickers, {len(hurt)} left out")
    return bars


def _seed(kind: str) -> int:
    """Of its own, so that the places of a class stay where others are added."""
    return zlib.crc32(kind.encode())


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser()
    options.add_argument("--bars", type=Path)
    options.add_argument("--count", type=int, default=200)
    given = options.parse_args()
    bars = clean_panel(given.bars)
    days = XNYS.sessions(bars["session"].min(), bars["session"].max())
    print(f"\n{'class':<24}{'injected':>9}{'found':>7}{'recall':>8}{'limits':>8}{'false alarms':>14}{'seconds':>9}")
    for kind in FAULTS:
        few = kind in WHOLE_TICKERS
        spoiled = spoil(bars, kind, seed=_seed(kind), count=given.count // 10 if few else given.count)
        begun = time.perf_counter()
        screening = screen(spoiled.bars, XNYS.sessions(spoiled.bars["session"].min(), bars["session"].max()))
        seconds = time.perf_counter() - begun
        seen, injected = recall(spoiled.truth, marked_by(screening, NAMED[kind]))
        rival, _ = recall(spoiled.truth, limits(screening.bars))
        alarms = untouched(spoiled, screening)
        print(
            f"{kind:<24}{injected:>9}{seen:>7}{seen / max(injected, 1):>8.1%}{rival / max(injected, 1):>8.1%}"
            f"{alarms:>14}{seconds:>9.2f}"
        )
    print(f"\n{'no fault':<24}{'injected':>9}{'refused':>9}")
    for kind in HARMLESS:
        spoiled = spoil(bars, kind, seed=_seed(kind), count=given.count)
        refused, injected = refused_for_nothing(spoiled, screen(spoiled.bars, days))
        print(f"{kind:<24}{injected:>9}{refused:>9}")


if __name__ == "__main__":
    main()
