"""What a daily drift check and its calibration cost at 500 tickers x 158 features, beside merging profiles.

    python -m benchmarks.drift_speed

Six years of sessions are counted on the grid beforehand, as they are when each session is profiled. The peer is
whylogs' own way: merge the profiles of the window. It is measured on 20 sessions and told for the 290 of a check.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evergreen.core.bars.session import iso
from evergreen.core.drift import Calibration, Counts, DriftCheck, calibrate, check, make_grid

TICKERS, FEATURES, SESSIONS, MERGED = 500, 158, 1_500, 20


def values(generator: np.random.Generator, session: pd.Timestamp) -> pd.DataFrame:
    """Features of one session."""
    names = [f"F{place:03d}" for place in range(FEATURES)]
    return pd.DataFrame(generator.standard_t(5, (TICKERS, FEATURES)).astype(np.float32), columns=names)


def history(generator: np.random.Generator) -> Counts:
    """Counts of many sessions; their bins are drawn from what 500 values of a session give."""
    grid = make_grid(pd.concat([values(generator, pd.Timestamp(0)) for _ in range(40)]))
    shape = (SESSIONS, FEATURES)
    drawn = generator.multinomial(TICKERS, np.full(grid.bins - 1, 1 / (grid.bins - 1)), shape).astype(np.int32)
    counted = np.concatenate([drawn, np.zeros((*shape, 1), np.int32)], axis=2)
    return Counts(pd.bdate_range("2003-01-01", periods=SESSIONS).as_unit("us"), grid, counted)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what came of it."""
    start = time.perf_counter()
    outcome = work()
    return time.perf_counter() - start, outcome


def merging(generator: np.random.Generator) -> tuple[float, float]:
    """Seconds whylogs takes to profile a session, and to merge the profiles of one more session."""
    from evergreen.adapters import monitoring

    days = pd.bdate_range("2003-01-01", periods=MERGED)
    profiling, views = timed(lambda: [monitoring.profile(values(generator, day), day) for day in days])
    return profiling / MERGED, timed(lambda: monitoring.merge(views))[0] / (MERGED - 1)


def reading_back(generator: np.random.Generator, counts: Counts) -> float:
    """Seconds to read the counts of the 290 sessions of a check, each beside its profile of full size."""
    from evergreen.adapters import monitoring

    days = list(pd.bdate_range("2003-01-01", periods=290))
    content = monitoring.to_bytes(monitoring.profile(values(generator, days[0]), days[0]))
    with tempfile.TemporaryDirectory() as folder:
        for day in days:
            path = monitoring.profile_path(Path(folder), day)
            path.write_bytes(content)
            os.utime(path, (0, 0))
        first = monitoring.stored_counts(Path(folder), days[:1], counts.grid)[0]
        stored = next(Path(folder).rglob("*.npy"))
        for day in days[1:]:
            stored.with_name(stored.name.replace(iso(days[0]), iso(day))).write_bytes(stored.read_bytes())
        seconds, parts = timed(lambda: monitoring.stored_counts(Path(folder), days, counts.grid))
    assert all(np.array_equal(part.values, first.values) for part in parts)
    return seconds


def main() -> None:
    """Print the figures side by side."""
    generator = np.random.default_rng(158)
    counts = history(generator)
    calibrating, calibration = timed(lambda: calibrate(counts))
    assert isinstance(calibration, Calibration)
    stored = calibration.to_bytes()
    reading, again = timed(lambda: Calibration.from_bytes(stored))
    first, looked = timed(lambda: check(again, counts, counts.sessions[-1]))
    assert isinstance(looked, DriftCheck)
    checking = min(timed(lambda: check(again, counts, counts.sessions[-1]))[0] for _ in range(3))
    profiling, merged = merging(generator)
    print(f"{TICKERS} tickers x {FEATURES} features, {SESSIONS} sessions, {len(calibration.null)} replayed pairs")
    print(f"calibration        {calibrating:6.2f} s (bar 60)   stored {len(stored) / 1e6:.1f} MB")
    print(
        f"daily check        {reading + first:6.2f} s (bar 1), calibration read back included; again {checking:.3f} s"
    )
    print(f"counts of 290 sessions {reading_back(generator, counts):.2f} s, read beside their profiles")
    print(f"profile of a session {profiling:4.2f} s")
    peer = 290 * merged
    print(f"whylogs merging the 290 sessions of a check: {peer:.1f} s, {peer / (reading + first):.0f} times ours")


if __name__ == "__main__":
    main()
