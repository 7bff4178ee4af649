"""How often the whole drift procedure cries wolf, and what it finds, next to the usual fixed thresholds.

    python -m benchmarks.drift --histories 200 --changed 50 [--evidently PYTHON]

Each history is a simulated market in which nothing drifts: six years to train on, two years watched with weekly
looks at features (of ten tickers) and at the skill of a champion (on a hundred). Evidently gets an environment of
its own, made with uv, unless --evidently names an interpreter that has it; --evidently no leaves it out.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.drift_changes import Champion, Change, ceiling, champion, changes
from benchmarks.drift_usual import Pairs, alarms, evidently, find_evidently, windows
from benchmarks.stationary import Floats, features, market
from evergreen.core.drift import (
    Calibration,
    Counts,
    DriftCheck,
    Outcome,
    Reaction,
    Signs,
    calibrate,
    cause,
    check,
    make_grid,
    session_counts,
    verdict,
)
from evergreen.core.drift.check import LEVEL
from evergreen.core.drift.psi import sliding_psi

STEP = 5
SHIFT_AT = 250
YEAR = 250
WITHIN = (60, 120)


@dataclass(frozen=True)
class DriftSetting:
    """Sessions to train on, sessions watched afterwards, tickers with features, tickers forecast."""

    train: int = 1_500
    watched: int = 500
    tickers: int = 10
    universe: int = 100


@dataclass
class Watched:
    """What happened to one history, in sessions after training; culprits by finding of drift."""

    drift: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    retrained: list[int] = field(default_factory=list)
    culprits: list[tuple[str, ...]] = field(default_factory=list)
    looks: int = 0


def watch(calibration: Calibration, counts: Counts, train: int, served: Champion | None = None) -> Watched:
    """Look weekly from the end of training on; a finding starts a cooldown, a retraining a new champion.

    The new champion is as good as the old one and has the last year as its record.
    """
    seen, took_office = Watched(), train
    test = served.begin(train) if served else None
    ends = np.arange(train + calibration.windows.current, len(counts.sessions) + 1, STEP)
    for end, suspicious in zip(ends.tolist(), suspects(calibration, counts, ends), strict=True):
        seen.looks += 1
        drifted = suspicious and judge(calibration, counts, end, train, seen)
        if served and test:
            for session in range(took_office, end):
                test.update(session, served.losses[session], served.baseline[session])
        took_office = end
        standing = test.standing if test else "unproven"
        if standing == "lost":
            seen.lost.append(end - train)
        if cause(Signs(drifted, standing)).reaction is Reaction.RETRAIN:
            seen.retrained.append(end - train)
            test = served.begin(end) if served else None
    return seen


def suspects(calibration: Calibration, counts: Counts, ends: NDArray[np.int64]) -> list[bool]:
    """Which looks the check can find anything in: all at once, as the check itself takes 20 ms."""
    lag = calibration.windows.current
    statistic = np.stack(
        [
            sliding_psi(counts.values, ends - lag, calibration.windows),
            sliding_psi(counts.values, ends, calibration.windows),
        ],
        axis=1,
    )
    largest = calibration.scores(statistic.astype(np.float32)).min(axis=1).max(axis=1)
    null = calibration.null_scores.min(axis=1).max(axis=1)
    return [bool((1 + (null >= one).sum()) / (1 + len(null)) <= LEVEL) for one in largest]


def judge(calibration: Calibration, counts: Counts, end: int, train: int, seen: Watched) -> bool:
    """The verdict of the check at one look, noted down when it is drift."""
    current = check(calibration, counts, counts.sessions[end - 1])
    assert isinstance(current, DriftCheck)
    since = end - train - seen.drift[-1] if seen.drift else None
    if verdict(current, since).outcome is not Outcome.DRIFT:
        return False
    seen.drift.append(end - train)
    seen.culprits.append(current.culprits or (current.leader,))
    return True


@dataclass(frozen=True, eq=False)
class LivedHistory:
    """A market without drift, trained on to `setting.train`."""

    seed: int
    setting: DriftSetting
    returns: Floats
    volume: Floats
    frame: pd.DataFrame
    calibration: Calibration
    counts: Counts


def live(seed: int, setting: DriftSetting) -> LivedHistory:
    """Simulate one market and calibrate on its first `setting.train` sessions."""
    returns, volume = market(seed, setting.train + setting.watched, setting.universe)
    frame = features(returns[:, : setting.tickers], volume[:, : setting.tickers])
    sessions = pd.DatetimeIndex(frame.index.get_level_values("session").unique().sort_values())
    training = frame[frame.index.get_level_values("session").isin(sessions[: setting.train])]
    counts = session_counts(frame, make_grid(training))
    calibration = calibrate(counts.upto(sessions[setting.train - 1]))
    assert isinstance(calibration, Calibration)
    return LivedHistory(seed, setting, returns, volume, frame, calibration, counts)


def find(lived: LivedHistory) -> list[dict[str, object]]:
    """What the procedure makes of each change."""
    at = lived.setting.train + SHIFT_AT
    shifted = changes(lived.seed, lived.frame, lived.returns, lived.volume, at, lived.setting.tickers)
    return [_found(lived, change) for change in shifted]


def _found(lived: LivedHistory, change: Change) -> dict[str, object]:
    counts = session_counts(change.frame, lived.counts.grid)
    seen = watch(lived.calibration, counts, lived.setting.train, change.champion)
    late = [when - SHIFT_AT for when in seen.drift if when > SHIFT_AT]
    lost = [when - SHIFT_AT for when in seen.lost if when > SHIFT_AT]
    named = [name for names, when in zip(seen.culprits, seen.drift, strict=True) if when > SHIFT_AT for name in names]
    delay = min([*late, *lost], default=np.nan)
    return {
        "change": change.name,
        **{f"in {limit}": delay <= limit for limit in WITHIN},
        "sessions": delay,
        "by skill": bool(lost) and lost[0] == delay,
        "culprits right": np.mean([name.startswith(change.moved) for name in named]) if named else np.nan,
    }


def run(histories: int, setting: DriftSetting, changed: int) -> tuple[dict[str, pd.DataFrame], Pairs]:
    """Tables `quiet` (a row per history), `found` (per history and change), `usual` (per look and rule).

    With them a pair of windows, reference and current, of each of the first `changed` histories, which alone are
    also given each change.
    """
    quiet, findings, usual, pairs = [], [], [], []
    for seed in range(histories):
        lived = live(seed, setting)
        seen = watch(lived.calibration, lived.counts, setting.train, champion(seed, lived.returns))
        quiet.append((len(seen.retrained), len(seen.drift), len(seen.lost), seen.looks, len(lived.calibration.null)))
        usual += alarms(lived.frame, lived.counts, lived.calibration, setting.train)
        if seed < changed:
            findings += find(lived)
            pairs.append(windows(lived.frame, lived.counts.sessions, setting.train + SHIFT_AT))
    tables = {
        "quiet": pd.DataFrame(quiet, columns=["retrained", "drift", "lost", "looks", "null"]),
        "found": pd.DataFrame(findings),
        "usual": pd.DataFrame(usual, columns=["rule", "alarm"]),
    }
    return tables, pairs


def tell(tables: dict[str, pd.DataFrame], setting: DriftSetting) -> None:
    """Print what `run` measured."""
    quiet = tables["quiet"]
    years = quiet["looks"].sum() * STEP / YEAR
    print(f"{len(quiet)} stationary histories, {setting}, {quiet['null'].median():.0f} null pairs, {years:.0f} years")
    for name, what in (("retrained", "retrainings (budget 1)"), ("drift", "drift"), ("lost", "skill lost")):
        error = np.sqrt(quiet[name].sum()) / years
        print(f"  false {what:<22} {quiet[name].sum() / years:.2f} a year (standard error {error:.2f})")
    print("\nshare of looks at the same windows in which fixed thresholds alarm")
    print(tables["usual"].groupby("rule", sort=False)["alarm"].mean().map("{:.1%}".format).to_string(header=False))
    print("\na lasting change: share found within so many sessions, median delay, what named it, culprits right")
    numbers = tables["found"].groupby("change", sort=False)
    print(numbers.agg("mean").assign(sessions=numbers["sessions"].median()).round(2).to_string())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--histories", type=int, default=40)
    parser.add_argument("--changed", type=int, default=20, help="histories that are also changed")
    parser.add_argument("--evidently", default="")
    given = parser.parse_args()
    if not 1 <= given.changed <= given.histories:
        parser.error("--changed counts from 1 to --histories")
    setting = DriftSetting()
    tables, pairs = run(given.histories, setting, given.changed)
    tell(tables, setting)
    share = ceiling(range(given.histories), setting.train, setting.watched, SHIFT_AT)
    print(f"\nspread x 2 in 60 sessions, seen by a watcher of volatility alone that knows its law: {share:.0%}")
    if given.evidently != "no":
        compare(pairs, given.evidently)


def compare(pairs: Pairs, python: str) -> None:
    """Evidently's default preset on one pair of windows of each history."""
    interpreter = find_evidently(python)
    if interpreter.endswith("."):
        print(interpreter)
        return
    shares = evidently(interpreter, pairs)
    print(f"\nEvidently's default preset, one look at each of {len(pairs)} histories, {shares['seconds']:.1f} s a look")
    print(f"  drift of the dataset {shares['dataset']:.1%}, of any column {shares['any column']:.1%}")


if __name__ == "__main__":
    main()
