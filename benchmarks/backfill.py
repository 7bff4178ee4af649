"""What loading a history costs, by step: bars from one Parquet file, their version, features, online values.

    python -m benchmarks.backfill [--tickers 505] [--years 5] [--file FILE]

The steps are those of the flow `backfill`, in this process and without a server. Told are processor seconds with what
each step imports, and the most memory the process has had by its end. Without `--file` the bars are simulated and
written to one first, by another process.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

SEED = 7


def write_market(file: Path, tickers: int, years: float) -> None:
    """A simulated market of so many tickers and years of 252 sessions, as one Parquet file."""
    from evergreen.core.market import simulate

    simulate(tickers, round(years * 252), seed=SEED).to_parquet(file, index=False)


def load(home: Path, file: Path) -> pd.DataFrame:
    """Processor seconds and the peak of memory (GB) of each step."""
    os.environ |= {"EVERGREEN_HOME": str(home), "EVERGREEN_CLOCK": "replay"}
    took: dict[str, dict[str, float]] = {}

    def step(name: str, call: Callable[[], Any]) -> Any:
        began = time.process_time()
        outcome = call()
        took[name] = {"seconds": time.process_time() - began, "peak GB": peak_gigabytes()}
        return outcome

    def opened() -> tuple[Any, ...]:
        from evergreen.workspace import workspace
        from tasks import bars, features

        return workspace(), bars, features

    at, bars, features = step("imports of all steps", opened)
    source, first, now = f"files:{file}", pd.Timestamp("2000-01-01"), pd.Timestamp.now("UTC").to_pydatetime()
    last = at.calendar.closed(first, now)[-1]
    names = step("tickers", lambda: bars.name_universe.fn(source, None))
    delivery = step("ingest_bars", lambda: bars.ingest_bars.fn(source, names, first, last, now, history=True))
    step("snapshot_bars", lambda: bars.snapshot_bars.fn(delivery, now))
    newest = pd.Timestamp(delivery.last)
    step("build_features", lambda: features.build_features.fn(first, newest))
    step("materialize_features", lambda: features.materialize_features.fn(newest, now))
    print(f"{delivery.rows:,} bars, {delivery.refused:,} held in {len(delivery.cases)} cases", flush=True)
    return pd.DataFrame(took).T


def peak_gigabytes() -> float:
    """The most memory this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    """Print the steps and their sum."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickers", type=int, default=505)
    parser.add_argument("--years", type=float, default=5.0)
    parser.add_argument("--file", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = given.file or Path(folder) / "bars.parquet"
        if given.file is None:
            writing = multiprocessing.get_context("spawn").Process(
                target=write_market, args=(file, given.tickers, given.years)
            )
            writing.start()
            writing.join()
        steps = load(Path(folder) / "home", file)
    print(steps.round(2).to_string())
    print(f"all: {steps['seconds'].sum():.1f} s of processor, {steps['peak GB'].max():.2f} GB")


if __name__ == "__main__":
    main()
