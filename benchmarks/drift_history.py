"""What the drift check would have found in the packaged sample's real history, 2003 to 2013, and when.

    python -m benchmarks.drift_history

Four stocks, 158 factors, weekly looks. The first model stands at the end of 2002; each finding retrains, and so
does a year without one, as `retrain_after` has it. Nothing later than a look is used for it. Beside it stands
what the usual threshold, PSI above 0.2 in any feature, says at the same looks.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evergreen.adapters.bars import open_source
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.session import iso
from evergreen.core.drift import (
    Calibration,
    Counts,
    DriftCheck,
    Outcome,
    calibrate,
    check,
    make_grid,
    session_counts,
    verdict,
)
from evergreen.core.features import LOOKBACK, alpha158

TICKERS = ["AAPL", "IBM", "MSFT", "GOOG"]
FIRST, START, END = pd.Timestamp("2000-03-01"), pd.Timestamp("2003-01-02"), pd.Timestamp("2013-03-01")
YEAR = 250
BREAK = ("2008-09-01", "2008-11-30")


@dataclass(frozen=True)
class Monitored:
    """A model in office since the session at place `since`."""

    since: int
    calibration: Calibration
    counts: Counts


def sample_features() -> pd.DataFrame:
    """The factors of the sample, index (ticker, session)."""
    bars = open_source("sample", "XNYS").fetch(TICKERS, FIRST, END)
    return alpha158(bars, calendar=Calendar("XNYS").sessions(FIRST, END))


def train(features: pd.DataFrame, days: pd.DatetimeIndex, place: int) -> Monitored:
    """Calibrate on everything up to the session at `place`, and count all sessions on its grid."""
    known = features[features.index.get_level_values("session") <= days[place]]
    grid = make_grid(known)
    calibration = calibrate(session_counts(known, grid), memory=LOOKBACK)
    assert isinstance(calibration, Calibration)
    return Monitored(place, calibration, session_counts(features, grid))


def walk(features: pd.DataFrame) -> tuple[list[tuple[DriftCheck, str]], int, int]:
    """Findings with how the model in office was calibrated, looks, and looks at which PSI > 0.2 somewhere."""
    days = pd.DatetimeIndex(np.unique(features.index.get_level_values("session")))
    weekly = [place for place in range(len(days) - 1) if _ends_a_week(days, place) and days[place] >= START]
    model = train(features, days, weekly[0] - 5)
    findings, usual = [], 0
    for place in weekly:
        look = check(model.calibration, model.counts, days[place])
        assert isinstance(look, DriftCheck)
        usual += bool((look.psi > 0.2).any())
        drifted = verdict(look, place - model.since).outcome is Outcome.DRIFT
        if drifted:
            findings.append((look, f"{len(model.calibration.null)} pairs, {model.calibration.method}"))
        if drifted or place - model.since >= YEAR:
            model = train(features, days, place)
    return findings, len(weekly), usual


def _ends_a_week(days: pd.DatetimeIndex, place: int) -> bool:
    return bool(days[place].isocalendar()[:2] != days[place + 1].isocalendar()[:2])


def main() -> None:
    """Print the findings."""
    started = time.perf_counter()
    findings, looks, usual = walk(sample_features())
    years = looks / 52
    print(f"{looks} weekly looks, {iso(START)} to {iso(END)}, {', '.join(TICKERS)}")
    for look, null in findings:
        named = ", ".join(look.culprits[:4] or (look.leader,))
        print(f"  {iso(look.as_of)}  family p {look.p_family:.3f} ({null})  {len(look.culprits):>3} culprits: {named}")
    inside = [look for look, _ in findings if pd.Timestamp(BREAK[0]) <= look.as_of <= pd.Timestamp(BREAK[1])]
    print(f"{len(findings)} findings, {len(findings) / years:.2f} a year; the break of 2008: {len(inside)}")
    print(f"PSI > 0.2 in any feature: {usual / looks:.0%} of the looks")
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
