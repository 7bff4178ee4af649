"""A replay of delivery policies: time, memory and sessions a second, beside the walk through the flows.

`python -m benchmarks.replay` walks the packaged sample (4 tickers, 13 years); with numbers, a simulated market of so
many tickers and years, and models of so many sessions: `python -m benchmarks.replay 500 18 378`.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Self

import pandas as pd
import psutil

from evergreen.replay.plan import Replay, shipped
from evergreen.replay.report import table_for_people
from evergreen.replay.run import Replayed, replay

POLICIES = ("default", "never", "calendar:20", "calendar:250", "drift", "skill", "eager", "oracle")
NINTH = "calendar:60"
LIVE = 1.2  # seconds of one session of the demo's walk through the flows, four tickers; measured by `make demo`
WORKERS = 2
WINDOW = 378  # sessions a model is fitted on: a year and a half; on a broad panel, 250 were not shown worse than all
MEASURED = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
SAMPLE = ["AAPL", "IBM", "MSFT", "GOOG"]


def sample(out: Path) -> Replay:
    """The packaged sample, the first four years of it history."""
    begin, end = pd.Timestamp("2004-06-01"), pd.Timestamp("2013-02-28")
    return Replay("sample", begin, end, shipped(POLICIES), out, workers=WORKERS, tickers=tuple(SAMPLE))


def simulated(out: Path, tickers: int, years: int, window: int = WINDOW) -> Replay:
    """A market that never changes, so many years of it after the first five."""
    bars = f"simulated:tickers={tickers},seed=7,years={years}"
    end = pd.Timestamp("2000-01-03") + pd.DateOffset(years=years) - pd.Timedelta(days=7)
    begin = pd.Timestamp("2005-01-03")
    return Replay(bars, begin, end, shipped(POLICIES), out, workers=WORKERS, train_sessions=window, learner="lightgbm")


def measured(plan: Replay) -> tuple[Replayed, float]:
    """The replay, and how many seconds of the wall's clock it took."""
    begun = time.perf_counter()
    return replay(plan), time.perf_counter() - begun


class Usage:
    """Most memory in GB of this process and those it started, looked at twice a second; what they share counts once."""

    def __init__(self) -> None:
        self.peak, self._ended = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        own = psutil.Process()
        while not self._ended.wait(0.5):
            self.peak = max(self.peak, sum(_share(each) for each in (own, *own.children(recursive=True))))


def _share(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 1e9
    except psutil.NoSuchProcess:  # it ended since the children were listed
        return 0.0


def processor() -> float:
    """Seconds of the processor that this process took and those it started that have ended."""
    used = [resource.getrusage(who) for who in MEASURED]
    return sum(each.ru_utime + each.ru_stime for each in used)


def main(arguments: list[str]) -> None:
    """Print the figures of one market."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        plan = simulated(out, *(int(each) for each in arguments)) if arguments else sample(out)
        with Usage() as memory:
            replayed, seconds = measured(plan)
        worked = processor()
        _, ninth = measured(replace(plan, policies=(*plan.policies, *shipped([NINTH]))))
        sessions = len(replayed.sessions)
        print(f"{plan.bars}: {len(POLICIES)} policies, {sessions:,} sessions of a policy, {WORKERS} processes")
        print(f"time        {seconds:.0f} s, a ninth policy {ninth:.0f} s more ({ninth / seconds:.0%})")
        print(f"processor   {worked:.0f} s, {worked / WORKERS:.0f} s on each of {WORKERS} with nothing else to do")
        print(f"memory      {memory.peak:.1f} GB at most; {psutil.cpu_count()} processors")
        print(f"a second    {sessions / seconds:.0f} sessions, through the flows {1 / LIVE:.1f} ({LIVE} s each)")
        print()
        print(table_for_people(replayed.summary))


if __name__ == "__main__":
    main(sys.argv[1:])
