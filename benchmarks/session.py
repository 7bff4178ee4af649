"""Where one session's time goes, by step, in a store of one year and in one of five: it may not grow with the history.

    python -m benchmarks.session [--tickers 505] [--years 1 5]

A simulated market is loaded at once, then five sessions are walked by the tasks of the flow `daily`, in this process
and without a server; the last one is told. Processor time, imports apart. Beside it stands what the store's own bytes
cost: writing the session's bars and features as two bare Parquet files.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd

WALKED = 5  # the first ones pay for imports and connections


def walk(home: Path, tickers: int, years: float) -> dict[str, float]:
    """Seconds of processor time of each step of the last session walked."""
    os.environ |= {"EVERGREEN_HOME": str(home), "EVERGREEN_CLOCK": "replay"}
    from evergreen.adapters.bars import open_source
    from evergreen.workspace import workspace
    from tasks import bars, features

    at, source = workspace(), f"simulated:tickers={tickers},seed=7,years={years}"
    names = open_source(source).tickers()
    days = pd.DatetimeIndex(open_source(source).fetch(names[:1], pd.Timestamp.min, pd.Timestamp.max)["session"])
    last = days[-WALKED - 1]
    now = closed(at, last)
    delivery = bars.ingest_bars.fn(source, names, days[0], last, now, history=True)
    bars.snapshot_bars.fn(delivery, now)
    features.build_features.fn(days[-WALKED - 30], last)
    features.materialize_features.fn(last, now)
    return [session(at, source, names, day) for day in days[-WALKED:]][-1]


def closed(at: Any, day: pd.Timestamp) -> Any:
    """When a session's bars arrive."""
    return (at.calendar.close(day) + timedelta(minutes=30)).to_pydatetime()


def session(at: Any, source: str, names: list[str], day: pd.Timestamp) -> dict[str, float]:
    """The steps of one session, with the processor time each took."""
    from tasks import bars, features, profiles

    took: dict[str, float] = {}

    def step(name: str, call: Callable[[], Any]) -> Any:
        began = time.process_time()
        outcome = call()
        took[name] = time.process_time() - began
        return outcome

    now = closed(at, day)
    delivery = step("ingest_bars", lambda: bars.ingest_bars.fn(source, names, day, day, now, history=False))
    version = step("snapshot_bars", lambda: bars.snapshot_bars.fn(delivery, now))
    step("update_features", lambda: features.build_features.fn(day, day))
    step("materialize_features", lambda: features.materialize_features.fn(day, now))
    served = step("read_served", lambda: features.read_served.fn(names, day))
    step("profile_session", lambda: profiles.profile_session.fn(served, day, version))
    step("bare Parquet files", lambda: bare(at, served, day))
    return took


def bare(at: Any, served: pd.DataFrame, day: pd.Timestamp) -> None:
    """The session's bars and features, written and no more."""
    at.bars.as_of(start=day, end=day).to_parquet(at.settings.home / "bars.parquet")
    served.to_parquet(at.settings.home / "features.parquet")


def main() -> None:
    """Print the steps for each length of history side by side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickers", type=int, default=505)
    parser.add_argument("--years", type=float, nargs="+", default=[1.0, 5.0])
    arguments = parser.parse_args()
    by_years = {}
    for years in arguments.years:
        with tempfile.TemporaryDirectory() as folder:
            by_years[f"{years:g} years"] = walk(Path(folder), arguments.tickers, years)
    steps = pd.DataFrame(by_years)
    own = steps.drop("bare Parquet files").sum()
    print(steps.round(2).to_string())
    each = ", ".join(f"{seconds:.1f} s with {name}" for name, seconds in own.items())
    print(f"one session of {arguments.tickers} tickers: {each}")
    print(f"the longest history costs {own.iloc[-1] / own.iloc[0]:.2f} times the shortest")
    print(f"{own.iloc[-1] / steps.loc['bare Parquet files'].iloc[-1]:.0f} times bare Parquet files")


if __name__ == "__main__":
    main()
