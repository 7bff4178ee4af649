"""Where one session's time and bytes go, by step, in stores of different lengths: neither may grow with the history.

    python -m benchmarks.session [--tickers 505] [--years 0.5 2 5]

A simulated market is loaded at once with its features, then sessions are walked by the tasks of the flow `daily`, in
this process and without a server, for more than a month, so that the merging of a month's parts is among them. Told
are processor time (imports apart) and the bytes given to the system to write, of the last session and of the mean of
the last 21. Beside them stands what the store's own bytes cost: the session's bars and features as two bare Parquet
files. `online` bytes are those of the online store, which keeps no history.
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

WALKED = 26  # the first ones pay for imports and connections; a month has up to 23 sessions
MONTH = 21  # sessions that an amortised figure is the mean of
BARE = "bare Parquet files"


def walk(home: Path, tickers: int, years: float) -> list[pd.DataFrame]:
    """Seconds of processor time and bytes written, by step, of each session walked."""
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
    features.build_features.fn(days[0], last)
    features.materialize_features.fn(last, now)
    return [session(at, source, names, day) for day in days[-WALKED:]]


def closed(at: Any, day: pd.Timestamp) -> Any:
    """When a session's bars arrive."""
    return (at.calendar.close(day) + timedelta(minutes=30)).to_pydatetime()


def session(at: Any, source: str, names: list[str], day: pd.Timestamp) -> pd.DataFrame:
    """The steps of one session: the processor seconds each took and the bytes it wrote."""
    from tasks import bars, features, profiles

    took: dict[str, dict[str, float]] = {}

    def step(name: str, call: Callable[[], Any]) -> Any:
        began, before = time.process_time(), bytes_written()
        outcome = call()
        took[name] = {"seconds": time.process_time() - began, "kB": (bytes_written() - before) / 1e3}
        return outcome

    now = closed(at, day)
    delivery = step("ingest_bars", lambda: bars.ingest_bars.fn(source, names, day, day, now, history=False))
    version = step("snapshot_bars", lambda: bars.snapshot_bars.fn(delivery, now))
    step("update_features", lambda: features.build_features.fn(day, day))
    step("materialize_features", lambda: features.materialize_features.fn(day, now))
    served = step("read_served", lambda: features.read_served.fn(names, day))
    step("profile_session", lambda: profiles.profile_session.fn(served, day, version))
    step(BARE, lambda: bare(at, served, day))
    return pd.DataFrame(took).T


def bytes_written() -> int:
    """What this process gave the system to write, all its threads together."""
    return int(Path("/proc/self/io").read_text().split("wchar: ")[1].split()[0])


def bare(at: Any, served: pd.DataFrame, day: pd.Timestamp) -> None:
    """The session's bars and features, written and no more."""
    at.bars.as_of(start=day, end=day).to_parquet(at.settings.home / "bars.parquet")
    served.to_parquet(at.settings.home / "features.parquet")


def main() -> None:
    """Print the steps for each length of history side by side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickers", type=int, default=505)
    parser.add_argument("--years", type=float, nargs="+", default=[0.5, 2.0, 5.0])
    arguments = parser.parse_args()
    for years in arguments.years:
        with tempfile.TemporaryDirectory() as folder:
            walked = walk(Path(folder), arguments.tickers, years)
        month = pd.concat(walked[-MONTH:]).groupby(level=0, sort=False).mean()
        sides = {"last": walked[-1], f"mean of {MONTH}": month}
        print(f"{arguments.tickers} tickers, {years:g} years")
        print(pd.concat(sides, axis=1).round(2).to_string())
        own = month.drop([BARE])
        online = float(own["kB"]["materialize_features"])
        stored, bare_kb = float(own["kB"].sum()) - online, float(month["kB"][BARE])
        print(
            f"a session: {own['seconds'].sum():.2f} s, {stored:,.0f} kB kept, {stored / bare_kb:.1f} times"
            f" its own bytes; online {online:,.0f} kB\n",
            flush=True,
        )


if __name__ == "__main__":
    main()
