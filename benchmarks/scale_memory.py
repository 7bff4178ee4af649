"""A fit of more rows than a worker may hold, on the workers of a Dask cluster, beside LightGBM's own Dask estimator.

    python -m benchmarks.scale_memory [--tickers 700] [--years 10] [--memory 600MB] [--workers 2] [--rounds 100]

The panel is the 158 factors of a simulated market. Dask ends a worker whose resident size reaches 95 % of its limit.
A worker's peak is its kernel's own record (VmHWM), imports included. The RankIC is that of the last 126 sessions,
which no fit has seen; one process without Dask fits the same, for comparison.
"""

from __future__ import annotations

import argparse
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
from dask.utils import parse_bytes
from distributed import Client

from benchmarks.scale import TEST, cluster, peak_gigabytes
from evergreen.adapters.cluster import learner_for
from evergreen.core.dataset.labels import forward_return
from evergreen.core.dataset.panel import Panel, labelled_panel, training_frame
from evergreen.core.evaluation.metrics import rank_ic
from evergreen.core.features import alpha158
from evergreen.core.market import simulate
from evergreen.core.model.breadth import BROAD
from evergreen.core.model.config import parameters
from evergreen.core.model.fitting import TrainingConfig, fit_boosters, forecast_sessions
from evergreen.core.model.lightgbm_datasets import labels_to_fit
from evergreen.core.model.protocol import Fit

PATIENCE = 300  # seconds given to a fit that may never end
BLOCK = 50_000  # rows


def market(tickers: int, years: int) -> Panel:
    """Factors and next-day returns of simulated stocks."""
    bars = simulate(tickers, years * 252, seed=3, ic=0.03)
    return labelled_panel(training_frame(alpha158(bars), forward_return(bars)))


def skill(panel: Panel, fit: Fit) -> float:
    """Mean RankIC of the sessions it has not seen."""
    stop = len(panel.sessions)
    index = pd.MultiIndex.from_frame(panel.keys(stop - TEST, stop))
    forecast = pd.Series(forecast_sessions(fit, panel, stop - TEST, stop), index=index)
    return float(rank_ic(forecast, pd.Series(panel.label[panel.rows(stop - TEST, stop)], index=index)).mean())


def estimator(client: Client, panel: Panel, stop: int, config: TrainingConfig) -> None:
    """LightGBM's own: the rows as Dask arrays on the workers, and its estimator on them."""
    import dask.array as da
    from lightgbm.dask import DaskLGBMRegressor

    rows = panel.rows(0, stop)
    settings = parameters(config, rows) | {"force_row_wise": False, "force_col_wise": True}
    settings.pop("num_threads")
    label = da.from_array(labels_to_fit(panel, rows, config), chunks=BLOCK)
    blocks = [panel.matrix[start : min(start + BLOCK, rows.stop)] for start in range(0, rows.stop, BLOCK)]
    placed = [client.scatter(block, hash=False) for block in blocks]  # one by one: together they end the workers
    features = da.concatenate(
        [da.from_delayed(future, block.shape, block.dtype) for future, block in zip(placed, blocks, strict=True)]
    )
    DaskLGBMRegressor(client=client, n_estimators=config.rounds, **settings).fit(features, label)


@contextmanager
def watched(workers: int, memory: str) -> Iterator[tuple[str, Client]]:
    """A cluster; each worker's peak is printed at the end."""
    with cluster(workers, memory) as address, Client(address) as client:
        yield address, client
        for worker, peak in client.run(peak_gigabytes).items():
            print(f"    {worker}: peak {peak:.2f} GB of {parse_bytes(memory) / 1e9:.2f} GB", flush=True)


def ours(panel: Panel, stop: int, config: TrainingConfig, workers: int, memory: str) -> None:
    """Rounds chosen, then all fitted: two fits."""
    print(f"evergreen, {workers} workers of {memory}")
    with watched(workers, memory) as (address, _):
        began = time.perf_counter()
        fit = next(learner_for("lightgbm", address).fits(panel, [stop], config))
        print(f"    {time.perf_counter() - began:.0f} s, {fit.rounds} trees, RankIC {skill(panel, fit):+.4f}")


def theirs(panel: Panel, stop: int, config: TrainingConfig, workers: int, memory: str) -> None:
    """One fit, or why there is none."""
    from concurrent.futures import CancelledError, ThreadPoolExecutor, TimeoutError

    from distributed import KilledWorker
    from distributed.comm import CommClosedError

    print(f"lightgbm.dask, {workers} workers of {memory}")
    with ThreadPoolExecutor(1) as pool, cluster(workers, memory) as address, Client(address) as client:
        began = time.perf_counter()
        try:
            pool.submit(estimator, client, panel, stop, config).result(PATIENCE)
            ended = "fitted"
        except (KilledWorker, CommClosedError, CancelledError, TimeoutError) as error:
            ended = f"no model ({type(error).__name__})"
        print(f"    {ended} after {time.perf_counter() - began:.0f} s", flush=True)


def main() -> None:
    """Print each in turn."""
    options = argparse.ArgumentParser()
    options.add_argument("--tickers", type=int, default=700)
    options.add_argument("--years", type=int, default=10)
    options.add_argument("--memory", default="600MB")
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--rounds", type=int, default=100)
    given = options.parse_args()
    os.environ["DASK_LOGGING__DISTRIBUTED"] = "critical"  # of the workers
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    panel = market(given.tickers, given.years)
    stop = len(panel.sessions) - TEST
    config = TrainingConfig(**BROAD | {"rounds": given.rounds})
    size = 4 * panel.rows(0, stop).stop * panel.matrix.shape[1] / 1e9
    print(f"{panel.rows(0, stop).stop:,} rows of {panel.matrix.shape[1]} factors: {size:.2f} GB as float32", flush=True)
    fit = next(fit_boosters(panel, [stop], config))
    print(f"one process, no Dask\n    {fit.rounds} trees, RankIC {skill(panel, fit):+.4f}", flush=True)
    ours(panel, stop, config, given.workers, given.memory)
    theirs(panel, stop, config, given.workers, given.memory)


if __name__ == "__main__":
    main()
