"""How often the whole drift procedure cries wolf, and what it finds, next to the usual fixed thresholds.

python -m benchmarks.drift --histories 200
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp

from benchmarks.stationary import SPAN, Floats, features, market
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

STEP = 5
SHIFT_AT = 250


@dataclass(frozen=True)
class Setting:
    """Sessions to train on, sessions watched afterwards, tickers."""

    train: int = 1_500
    watched: int = 500
    tickers: int = 10


@dataclass(frozen=True)
class Watch:
    """What happened to one history: sessions after training of each finding, looks, windows that drifted."""

    findings: list[int]
    looks: int
    drifted_windows: int
    culprits: set[str]


def watch(calibration: Calibration, counts: Counts, train: int) -> Watch:
    """Check weekly from the end of training on; a finding starts a cooldown, as its retraining would."""
    findings: list[int] = []
    culprits: set[str] = set()
    drifted_windows = 0
    ends = range(train + calibration.windows.current, len(counts.sessions) + 1, STEP)
    for end in ends:
        current = check(calibration, counts, counts.sessions[end - 1])
        assert isinstance(current, DriftCheck)
        since = end - train - findings[-1] if findings else None
        drifted_windows += current.drifted_window
        if verdict(current, since).outcome is Outcome.DRIFT:
            findings.append(end - train)
            culprits |= set(current.culprits) or {current.leader}
    return Watch(findings, len(ends), drifted_windows, culprits)


def injections(frame: pd.DataFrame, returns: Floats, volume: Floats, at: int) -> Iterator[tuple[str, pd.DataFrame]]:
    """The same history with a lasting change from session `at` on: of the market, or of features alone."""
    for name, factor in (("spread x 2", 2.0), ("spread x 3", 3.0)):
        changed = returns.copy()
        changed[at + SPAN :] *= factor
        yield name, features(changed, volume)
    changed = returns.copy()
    changed[at + SPAN :] += 3 * returns.std() / np.sqrt(20)
    yield "20-session mean + 3 sigma", features(changed, volume)
    for name, shifted in (
        ("3 sigma, all features", list(frame)),
        ("3 sigma, a fifth of them", list(frame)[::5]),
        ("3 sigma, RET alone", ["RET"]),
        ("3 sigma, CNTP10 alone", ["CNTP10"]),
        ("3 sigma, ROC20 alone", ["ROC20"]),
        ("3 sigma, STD60 alone", ["STD60"]),
    ):
        yield name, shift(frame, shifted, at)


def shift(frame: pd.DataFrame, names: list[str], at: int, sigmas: float = 3.0) -> pd.DataFrame:
    """`names` moved up by `sigmas` of their own standard deviations from session `at` on."""
    sessions = frame.index.get_level_values("session")
    late = sessions >= np.unique(sessions)[at]
    moved = frame.copy()
    moved.loc[late, names] += sigmas * frame[names].std()
    return moved


def usual_alarms(frame: pd.DataFrame, counts: Counts, train: int) -> dict[str, list[bool]]:
    """What fixed thresholds say every 20 sessions of the same windows: any feature over the line alarms."""
    alarms: dict[str, list[bool]] = {"KS p < 0.05, Bonferroni": [], "PSI > 0.2": [], "PSI > 0.2 in half": []}
    calibration = calibrate(counts.upto(counts.sessions[train - 1]))
    assert isinstance(calibration, Calibration)
    sessions = frame.index.get_level_values("session")
    for end in range(train + 20, len(counts.sessions) + 1, 20):
        found = check(calibration, counts, counts.sessions[end - 1])
        assert isinstance(found, DriftCheck)
        current = frame[sessions.isin(counts.sessions[end - 20 : end])].to_numpy()
        reference = frame[sessions.isin(counts.sessions[end - 270 : end - 20])].to_numpy()
        p = np.array([ks_2samp(reference[:, j], current[:, j]).pvalue for j in range(frame.shape[1])])
        alarms["KS p < 0.05, Bonferroni"].append(bool((p < 0.05 / len(p)).any()))
        alarms["PSI > 0.2"].append(bool((found.psi > 0.2).any()))
        alarms["PSI > 0.2 in half"].append(bool((found.psi > 0.2).mean() >= 0.5))
    return alarms


def run(histories: int, setting: Setting, usual: bool = True) -> dict[str, pd.DataFrame]:
    """Tables `stationary` (a row per history), `found` (per history and change) and `usual` (per look)."""
    stationary, found, alarms = [], [], []
    for seed in range(histories):
        returns, volume = market(seed, setting.train + setting.watched, setting.tickers)
        frame = features(returns, volume)
        training = frame[frame.index.get_level_values("session").isin(_sessions(frame)[: setting.train])]
        grid = make_grid(training)
        calibration = calibrate(session_counts(training, grid))
        assert isinstance(calibration, Calibration)
        counts = session_counts(frame, grid)
        quiet = watch(calibration, counts, setting.train)
        stationary.append((len(quiet.findings), quiet.looks, quiet.drifted_windows, len(calibration.null)))
        if usual:
            alarms += [(name, hit) for name, hits in usual_alarms(frame, counts, setting.train).items() for hit in hits]
        for name, changed in injections(frame, returns, volume, setting.train + SHIFT_AT):
            seen = watch(calibration, session_counts(changed, grid), setting.train)
            late = [finding - SHIFT_AT for finding in seen.findings if finding > SHIFT_AT]
            found.append((name, bool(late and late[0] <= 60), late[0] if late else np.nan))
    return {
        "stationary": pd.DataFrame(stationary, columns=["findings", "looks", "windows", "null"]),
        "found": pd.DataFrame(found, columns=["change", "found", "delay"]),
        "usual": pd.DataFrame(alarms, columns=["rule", "alarm"]),
    }


def _sessions(frame: pd.DataFrame) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(frame.index.get_level_values("session").unique().sort_values())


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--histories", type=int, default=40)
    parser.add_argument("--tickers", type=int, default=10)
    parser.add_argument("--train", type=int, default=1_500)
    arguments = parser.parse_args()
    setting = Setting(train=arguments.train, tickers=arguments.tickers)
    tables = run(arguments.histories, setting)
    quiet = tables["stationary"]
    years = quiet["looks"].sum() * STEP / 250
    print(f"{arguments.histories} stationary histories, {setting}, {quiet['null'].median():.0f} null windows")
    print(f"  false retrainings: {quiet['findings'].sum() / years:.2f} a year at weekly looks (budget 1)")
    print(f"  single windows with p <= 0.02: {quiet['windows'].sum() / quiet['looks'].sum():.1%}")
    print("\nalarms of fixed thresholds on the same windows, one look each")
    print(tables["usual"].groupby("rule", sort=False)["alarm"].mean().map("{:.1%}".format).to_string())
    print("\nfound within 60 sessions of a lasting change, and sessions until found (median)")
    by_change = tables["found"].groupby("change", sort=False)
    print(pd.DataFrame({"found": by_change["found"].mean(), "sessions": by_change["delay"].median()}).to_string())


if __name__ == "__main__":
    main()
