"""LightGBM fitted by the workers of a Dask cluster, each on its own rows (data-parallel)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from functools import partial
from typing import TYPE_CHECKING

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from evergreen.adapters.cluster.client import connected
from evergreen.adapters.cluster.shares import Shares, dealt, sent, shared
from evergreen.adapters.cluster.worker import free_port, meeting, train_share
from evergreen.core.dataset.panel import Panel
from evergreen.core.dataset.splits import purged_tail
from evergreen.core.model.averaged_lightgbm import AveragedLightGBMLearner
from evergreen.core.model.booster import LightGBM, from_text
from evergreen.core.model.config import TrainingConfig, parameters
from evergreen.core.model.fitting import best_rounds
from evergreen.core.model.lightgbm_datasets import labels_to_fit, labels_to_stop_by
from evergreen.core.model.lightgbm_learner import LightGBMLearner
from evergreen.core.model.protocol import Fit, Learner
from evergreen.core.model.registry import learner
from evergreen.errors import BadSetting, Unavailable

if TYPE_CHECKING:
    from distributed import Client


class ClusterLearner(LightGBMLearner):
    """LightGBM on the cluster whose scheduler is at `address`.

    A fit on two workers is not that of one process to the bit: sums of gradients are added in another order,
    and rows are sampled by each worker for itself. A worker needs memory for a byte of each value of its share.
    """

    def __init__(self, address: str) -> None:
        self.address = address

    def fits(self, panel: Panel, stops: Sequence[int], config: TrainingConfig) -> Iterator[Fit]:
        """As `fit_boosters`, but that the rounds are chosen after all of them were fitted: workers cannot stop early.

        Raises:
            Unavailable: no answer, no worker, or one that was lost during a fit and its rows with it.
            BadSetting: a bounded training window, which the workers' shares of the rows do not know.
        """
        return (fit for (fit,) in self.side_by_side(panel, stops, [config]))

    def side_by_side(
        self, panel: Panel, stops: Sequence[int], configs: Sequence[TrainingConfig]
    ) -> Iterator[list[Fit]]:
        """`fits` of configurations that differ in their seed, on the bins of the first."""
        return _fits(self.address, panel, stops, configs)


def learner_for(name: str, address: str) -> Learner:
    """The learner of that name; boosters are fitted on the cluster at `address`, if there is one, the others here."""
    if address and name == LightGBMLearner.name:
        return ClusterLearner(address)
    if address and name == AveragedLightGBMLearner.name:
        return AveragedLightGBMLearner(ClusterLearner(address))
    return learner(name)


def _fits(address: str, panel: Panel, stops: Sequence[int], configs: Sequence[TrainingConfig]) -> Iterator[list[Fit]]:
    from distributed import KilledWorker

    config = configs[0]
    if config.train_sessions:
        raise BadSetting(
            f"a cluster fits on all sessions, not on the last {config.train_sessions}.",
            "Set EVERGREEN_TRAIN_SESSIONS=0, or train without EVERGREEN_DASK_ADDRESS.",
        )

    fewest, most = _fitted(panel, stops[0], config).stop, panel.rows(0, stops[-1]).stop
    try:
        with connected(address) as client, shared(client, panel, fewest, most, config) as shares:
            for stop in stops:
                yield [_fit(client, shares, panel, stop, each) for each in configs]
    except (KilledWorker, CancelledError, OSError, lgb.basic.LightGBMError) as error:
        raise Unavailable(
            f"The Dask cluster at {address} did not finish a fit: {error}.",
            "A worker that was lost is replaced; if it ran out of memory, give each more, or start more of them.",
        ) from error


def _fitted(panel: Panel, stop: int, config: TrainingConfig) -> slice:
    before_tail, _ = purged_tail(panel.sessions[:stop], config.validation_size, config.horizon, config.embargo)
    return panel.rows(0, len(before_tail))


def _fit(client: Client, shares: Shares, panel: Panel, stop: int, config: TrainingConfig) -> Fit:
    tail_start = stop - config.validation_size
    rounds, forecasts = _chosen(client, shares, panel, stop, config) if config.patience else (config.rounds, 0.0)
    booster = _fit_rows(client, shares, panel, panel.rows(0, stop), config, rounds)
    return Fit(LightGBM(booster), rounds, tail_start, panel.label[panel.rows(tail_start, stop)] - forecasts)


def _chosen(
    client: Client, shares: Shares, panel: Panel, stop: int, config: TrainingConfig
) -> tuple[int, NDArray[np.float64]]:
    fitted, tail = _fitted(panel, stop, config), panel.rows(stop - config.validation_size, stop)
    forecasts = _forecasts_after_each_round(
        _fit_rows(client, shares, panel, fitted, config, config.rounds), panel.matrix[tail]
    )
    target = labels_to_stop_by(panel, tail, fitted, config)
    rounds = best_rounds([float(np.mean((target - forecast) ** 2)) for forecast in forecasts], config.patience)
    return rounds, forecasts[rounds - 1]


def _fit_rows(
    client: Client, shares: Shares, panel: Panel, rows: slice, config: TrainingConfig, rounds: int
) -> lgb.Booster:
    """All workers at once, each on its rows; they agree on every split, so each has the whole model."""
    labels, settings = labels_to_fit(panel, rows, config), parameters(config, rows)
    ports = _ports(client, shares.workers)
    running = []
    for worker in shares.workers:
        own = sent(client, worker, dealt(shares, labels, worker))
        mine = settings | meeting(ports, worker) | {"num_threads": shares.workers[worker]}
        job = partial(train_share, shares, worker, rows.stop, mine, rounds)
        running.append(client.submit(job, own, workers=[worker], pure=False))
    return from_text(client.gather(running)[0])


def _ports(client: Client, workers: Iterable[str]) -> dict[str, int]:
    """A free port of each worker; asked again when two on one machine were told the same."""
    while True:
        ports = client.run(free_port, workers=list(workers))
        if len(set(ports.values())) == len(ports):
            return dict(ports)


def _forecasts_after_each_round(booster: lgb.Booster, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    """Forecasts with the first 1, 2, ... trees [rounds x rows]."""
    trees = [
        np.asarray(booster.predict(matrix, start_iteration=number, num_iteration=1))
        for number in range(booster.num_trees())
    ]
    return np.cumsum(trees, axis=0)
