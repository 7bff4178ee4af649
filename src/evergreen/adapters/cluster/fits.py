"""LightGBM fitted by the workers of a Dask cluster, each on its own rows (data-parallel)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from evergreen.adapters.cluster.client import connected
from evergreen.core.booster import from_text, to_text
from evergreen.core.fitting import (
    Fit,
    Fitter,
    TrainingConfig,
    best_rounds,
    fit_booster,
    labels_to_fit,
    labels_to_stop_by,
    parameters,
)
from evergreen.core.panel import Panel
from evergreen.core.splits import purged_tail

if TYPE_CHECKING:
    from distributed import Client

BLOCK_ROWS = 50_000  # 32 MB of 158 factors


def fitter_for(address: str) -> Fitter:
    """What fits a model: LightGBM here, or on the cluster whose scheduler is at `address`.

    A fit on two workers is not that of one process to the bit: sums of gradients are added in another order,
    and rows are sampled by each worker for itself.
    """
    return partial(_fit, address) if address else fit_booster


def _fit(address: str, panel: Panel, stop: int, config: TrainingConfig) -> Fit:
    """As `fit_booster`, but that the rounds are chosen after all of them were fitted: workers cannot stop early."""
    kept, _ = purged_tail(panel.sessions[:stop], config.validation_size, config.horizon, config.embargo)
    tail_start = stop - config.validation_size
    tail = panel.rows(tail_start, stop)
    with connected(address) as client:
        trial = _fit_rows(client, panel, panel.rows(0, len(kept)), config, config.rounds)
        said = _said_after_each_round(trial, panel.matrix[tail])
        target = labels_to_stop_by(panel, tail, panel.rows(0, len(kept)), config)
        losses = [float(np.mean((target - forecast) ** 2)) for forecast in said]
        rounds = best_rounds(losses, config.patience)
        booster = _fit_rows(client, panel, panel.rows(0, stop), config, rounds)
    return Fit(booster, rounds, tail_start, panel.label[tail] - said[rounds - 1])


def _fit_rows(client: Client, panel: Panel, rows: slice, config: TrainingConfig, rounds: int) -> lgb.Booster:
    from lightgbm.dask import DaskLGBMRegressor

    features, label = _spread(client, panel.matrix[rows]), _spread(client, labels_to_fit(panel, rows, config))
    settings = {name: value for name, value in parameters(config, rows).items() if name != "num_threads"}
    model = DaskLGBMRegressor(client=client, tree_learner="data", n_estimators=rounds, **settings)
    model.fit(features, label, feature_name=list(panel.feature_names))
    return from_text(to_text(model.booster_))


def _spread(client: Client, values: NDArray[Any]) -> Any:
    """The rows as a Dask array whose blocks lie on the workers, two or more blocks for each worker."""
    import dask.array as da
    from dask import delayed

    size = min(BLOCK_ROWS, -(-len(values) // (2 * len(client.ncores()))))
    blocks = [values[start : start + size] for start in range(0, len(values), size)]
    placed = client.scatter(blocks, hash=False)
    arrays = [
        da.from_delayed(delayed(future), block.shape, block.dtype) for future, block in zip(placed, blocks, strict=True)
    ]
    return da.concatenate(arrays)


def _said_after_each_round(booster: lgb.Booster, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    """Forecasts with the first 1, 2, ... trees [rounds x rows]."""
    trees = [
        np.asarray(booster.predict(matrix, start_iteration=number, num_iteration=1))
        for number in range(booster.num_trees())
    ]
    return np.cumsum(trees, axis=0)
