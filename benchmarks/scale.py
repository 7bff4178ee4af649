"""Factors and a fit on Dask clusters of one worker and of two, beside one process without Dask.

    python -m benchmarks.scale [--tickers 5000] [--years 10] [--fit-tickers 500] [--memory 4GiB] [--workers 1 2]

Workers read bars from Parquet, partition by partition, and write factors to Parquet: nobody ever holds them all.
The fit is one model of 100 rounds on the factors of the first `--fit-tickers`; its RankIC is that of the last
126 sessions, which it has not seen.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from evergreen.adapters.cluster import learner_for
from evergreen.adapters.cluster.factors import PARTITION_BARS, partitions
from evergreen.core.dataset.labels import forward_return
from evergreen.core.dataset.panel import Panel, labelled_panel, training_frame
from evergreen.core.evaluation.metrics import rank_ic
from evergreen.core.features import alpha158
from evergreen.core.market import simulate
from evergreen.core.model.fitting import TrainingConfig, forecast_sessions
from evergreen.core.model.lightgbm_learner import LightGBMLearner
from evergreen.core.model.protocol import Learner

CONFIG = TrainingConfig(rounds=100, patience=100, num_threads=1)
TEST = 126


@dataclass(frozen=True)
class Work:
    """Files of bars with the calendar they are counted in, where the factors go, and the panel of the fit."""

    bars: list[Path]
    calendar: pd.DatetimeIndex
    factors: Path
    panel: Panel
    rows: int


def prepare(tickers: int, years: int, fit_tickers: int, folder: Path) -> Work:
    """Simulate the market and lay it out in files."""
    bars = simulate(tickers, years * 252, seed=3)
    files = []
    for number, part in enumerate(partitions(bars, PARTITION_BARS)):
        files.append(folder / f"bars-{number:04d}.parquet")
        part.to_parquet(files[-1], index=False)
    some = bars[bars["ticker"].isin(sorted(bars["ticker"].unique())[:fit_tickers])]
    panel = labelled_panel(training_frame(alpha158(some), forward_return(some)))
    calendar = pd.DatetimeIndex(np.sort(bars["session"].unique()))
    return Work(files, calendar, folder, panel, len(bars))


def write_factors(file: Path, calendar: pd.DatetimeIndex, folder: Path) -> int:
    """Factors of one partition, from file to file; how many rows."""
    factors = alpha158(pd.read_parquet(file), calendar)
    factors.to_parquet(folder / file.name.replace("bars", "factors"))
    return len(factors)


def peak_gigabytes() -> float:
    """Largest resident size of this process so far; `getrusage` would tell a worker its parent's."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1e6


def fit(work: Work, learner: Learner) -> tuple[float, float]:
    """Seconds, and the RankIC on the sessions it has not seen."""
    stop = len(work.panel.sessions) - TEST
    began = time.perf_counter()
    fitted = next(learner.fits(work.panel, [stop], CONFIG))
    seconds = time.perf_counter() - began
    keys = work.panel.keys(stop, stop + TEST)
    index = pd.MultiIndex.from_frame(keys)
    forecast = pd.Series(forecast_sessions(fitted, work.panel, stop, stop + TEST), index=index)
    true = pd.Series(work.panel.label[work.panel.rows(stop, stop + TEST)], index=index)
    return seconds, float(rank_ic(forecast, true).mean())


@contextmanager
def cluster(workers: int, memory: str) -> Iterator[str]:
    """A cluster of worker processes with one thread each."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=workers, threads_per_worker=1, memory_limit=memory, dashboard_address="127.0.0.1:0", host="127.0.0.1"
    ) as running:
        yield str(running.scheduler_address)


def on_cluster(work: Work, workers: int, memory: str) -> tuple[str, float, float, float, float]:
    """A row of the table: who, seconds and peak of the factors, seconds and RankIC of the fit."""
    from distributed import Client

    with cluster(workers, memory) as address, Client(address) as client:
        began = time.perf_counter()
        written = client.map(write_factors, work.bars, calendar=work.calendar, folder=work.factors, pure=False)
        assert sum(client.gather(written)) == work.rows
        factors = time.perf_counter() - began
        seconds, skill = fit(work, learner_for("lightgbm", address))
        peak = max(client.run(peak_gigabytes).values())
    return f"{workers} worker{'s' * (workers > 1)} of {memory}", factors, seconds, skill, peak


def alone(work: Work) -> tuple[str, float, float, float, float]:
    """The same in this process."""
    began = time.perf_counter()
    for file in work.bars:
        write_factors(file, work.calendar, work.factors)
    factors = time.perf_counter() - began
    seconds, skill = fit(work, LightGBMLearner())
    return "one process, no Dask", factors, seconds, skill, peak_gigabytes()


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser()
    options.add_argument("--tickers", type=int, default=5_000)
    options.add_argument("--years", type=int, default=10)
    options.add_argument("--fit-tickers", type=int, default=500)
    options.add_argument("--memory", default="4GiB")
    options.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = prepare(given.tickers, given.years, given.fit_tickers, Path(folder))
        size = len(work.panel.label) * len(work.panel.feature_names) * 4 / 2**30  # float32
        print(
            f"{work.rows:,} bars in {len(work.bars)} partitions; a fit: {len(work.panel.label):,} rows, {size:.2f} GiB"
        )
        print(f"{'':24} {'factors':>9} {'bars/s':>9} {'fit':>8} {'RankIC':>8} {'peak':>9}")
        for number in [0, *given.workers]:
            who, factors, seconds, skill, peak = on_cluster(work, number, given.memory) if number else alone(work)
            print(
                f"{who:24} {factors:7.1f} s {work.rows / factors:9,.0f} {seconds:6.1f} s {skill:+8.4f} {peak:6.2f} GB",
                flush=True,
            )


if __name__ == "__main__":
    main()
