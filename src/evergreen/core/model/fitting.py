"""One fit of LightGBM: rounds chosen on a purged tail of the training window, then all of the window used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, product

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from evergreen.core.dataset.panel import Panel
from evergreen.core.dataset.splits import purged_tail
from evergreen.core.model.booster import LightGBM, from_text, to_text
from evergreen.core.model.config import TrainingConfig, parameters
from evergreen.core.model.lightgbm_datasets import Datasets
from evergreen.core.model.protocol import Fit, forecast
from evergreen.core.model.side_by_side import spread

__all__ = [
    "Fit",
    "TrainingConfig",
    "best_rounds",
    "fit_before",
    "fit_booster",
    "fit_boosters",
    "fit_side_by_side",
    "fitted_rows",
    "forecast_sessions",
]


def fit_boosters(panel: Panel, stops: Sequence[int], config: TrainingConfig) -> Iterator[Fit]:
    """LightGBM on the sessions before each of the increasing numbers `stops`, by squared loss.

    Early stopping looks only at the last `validation_size` of those sessions, purged from what the
    trial fit saw; the model given is then fitted on all of them with the rounds found. Without it (`patience`
    0) no model has been kept from the tail: its residuals are then those of the random walk.
    """
    return (fit for (fit,) in fit_side_by_side(panel, stops, [config]))


def fit_side_by_side(panel: Panel, stops: Sequence[int], configs: Sequence[TrainingConfig]) -> Iterator[list[Fit]]:
    """`fit_boosters` of configurations that differ in their seed, on the bins of the first and with its threads."""
    sets = Datasets(panel, stops, configs[0])

    def fit(job: tuple[int, TrainingConfig]) -> Fit:
        return fit_before(panel, *job, sets)

    fits = spread(fit, product(stops, configs), configs[0].num_threads)
    for _ in stops:
        yield list(islice(fits, len(configs)))


def fitted_rows(panel: Panel, stop: int, config: TrainingConfig) -> slice:
    """The rows that a model of the sessions before number `stop` is fitted on."""
    return panel.rows(config.first_session(stop), stop)


def fit_booster(panel: Panel, stop: int, config: TrainingConfig) -> Fit:
    """`fit_boosters` on the sessions before number `stop`."""
    return next(fit_boosters(panel, [stop], config))


def fit_before(panel: Panel, stop: int, config: TrainingConfig, sets: Datasets) -> Fit:
    """One of `fit_boosters`, on `sets` that reach as far as `stop`; the other fits made on them do not matter."""
    rows, tail = fitted_rows(panel, stop, config), panel.rows(stop - config.validation_size, stop)
    rounds, predicted = _chosen(panel, stop, config, sets) if config.patience else (config.rounds, 0.0)
    booster = lgb.train(parameters(config, rows), sets.to_fit(rows), num_boost_round=rounds)
    return Fit(
        LightGBM(from_text(to_text(booster))), rounds, stop - config.validation_size, panel.label[tail] - predicted
    )


def _chosen(panel: Panel, stop: int, config: TrainingConfig, sets: Datasets) -> tuple[int, NDArray[np.float64]]:
    """How many rounds suit the sessions before `stop`, and what a model of that many forecast for their tail."""
    fitted, _ = purged_tail(panel.sessions[:stop], config.validation_size, config.horizon, config.embargo)
    tail = panel.rows(stop - config.validation_size, stop)
    trial = _trial(panel.rows(config.first_session(stop), len(fitted)), tail, config, sets)
    predicted = np.asarray(trial.predict(panel.matrix[tail], num_threads=1))
    return max(1, trial.best_iteration), predicted


def _trial(fitted: slice, tail: slice, config: TrainingConfig, sets: Datasets) -> lgb.Booster:
    fit_set, tail_set = sets.to_fit(fitted), sets.to_stop_by(tail, fitted)
    stop_early = lgb.early_stopping(config.patience, verbose=False)
    return lgb.train(parameters(config, fitted), fit_set, config.rounds, valid_sets=[tail_set], callbacks=[stop_early])


def forecast_sessions(fit: Fit, panel: Panel, start: int, stop: int, num_threads: int = 1) -> NDArray[np.float64]:
    """Forecasts for the rows of the sessions numbered start <= i < stop."""
    session = np.arange(stop - start).repeat(np.diff(panel.first_row[start : stop + 1]))
    return forecast(fit.model, panel.matrix[panel.rows(start, stop)], session, num_threads)


def best_rounds(losses: Sequence[float], patience: int) -> int:
    """Where early stopping would have ended: the best of the rounds before `patience` brought nothing better."""
    best = 0
    for number, loss in enumerate(losses):
        if loss < losses[best]:
            best = number
        elif number - best >= patience:
            break
    return best + 1
