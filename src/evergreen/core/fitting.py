"""One fit: rounds chosen on a purged tail of the training window, then all of the window used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from evergreen.core.booster import from_text, predict, to_text, zero_booster
from evergreen.core.panel import Panel
from evergreen.core.splits import purged_tail
from evergreen.errors import BadInput


@dataclass(frozen=True)
class TrainingConfig:
    """Business choices of a training run; the defaults suit daily returns, where the signal is faint.

    Attributes:
        horizon: sessions ahead of the label.
        folds: walk-forward test windows.
        test_size: sessions in each window (63: a quarter).
        embargo: sessions between the last training label and a window.
        min_train: fewest sessions the first fold may train on.
        validation_size: sessions at the end of a training window on which the rounds are chosen.
        rounds: most boosting rounds.
        patience: rounds without improvement on the validation sessions before stopping.
        learning_rate: shrinkage of each tree.
        num_leaves: leaves of each tree.
        leaf_share: fewest rows in a leaf, as a share of the rows fitted on.
        feature_fraction: share of features a tree may use.
        bagging_fraction: share of rows a tree is fitted on.
        lambda_l2: L2 penalty on leaf values, as a share of the rows fitted on.
        label_clip: labels to fit on are winsorized at this quantile and its mirror; 0 leaves them.
        interval: nominal coverage of the forecast intervals.
        seed: of row and feature sampling.
        num_threads: fixed, because it is part of what makes a run repeatable.
    """

    horizon: int = 1
    folds: int = 8
    test_size: int = 63
    embargo: int = 5
    min_train: int = 500
    validation_size: int = 126
    rounds: int = 300
    patience: int = 50
    learning_rate: float = 0.02
    num_leaves: int = 8
    leaf_share: float = 0.02
    feature_fraction: float = 0.3
    bagging_fraction: float = 0.7
    lambda_l2: float = 0.01
    label_clip: float = 0.005
    interval: float = 0.90
    seed: int = 7
    num_threads: int = 1

    def as_dict(self) -> dict[str, float]:
        """Names and values, as logged with a run."""
        return asdict(self)

    def __post_init__(self) -> None:
        shares = (self.leaf_share, self.feature_fraction, self.bagging_fraction, self.interval)
        if not all(0 < share <= 1 for share in shares) or not 0 <= self.label_clip < 0.5:
            raise BadInput(
                "leaf_share, feature_fraction, bagging_fraction, interval or label_clip is out of range.",
                "Shares lie above 0 and at most at 1, label_clip is a quantile below 0.5.",
            )
        if min(self.rounds, self.patience, self.num_threads) < 1:
            raise BadInput("rounds, patience and num_threads count from 1.", "Raise them.")


@dataclass(frozen=True)
class Fit:
    """A model of the first sessions of a panel, and the residuals of its purged validation tail."""

    booster: lgb.Booster
    rounds: int
    tail_start: int  # session number at which the validation tail begins
    tail_residuals: NDArray[np.float64]


Fitter = Callable[[Panel, int, TrainingConfig], Fit]


def fit_booster(panel: Panel, stop: int, config: TrainingConfig) -> Fit:
    """LightGBM on the sessions before number `stop`, by squared loss.

    Early stopping looks only at the last `validation_size` of those sessions, purged from what the
    trial fit saw; the returned model is then fitted on all of them with the rounds found.
    """
    kept, _ = purged_tail(panel.sessions[:stop], config.validation_size, config.horizon, config.embargo)
    tail_start = stop - config.validation_size
    fit_rows, tail_rows = panel.rows(0, len(kept)), panel.rows(tail_start, stop)
    trial = _early_stopped(panel, fit_rows, tail_rows, config)
    forecast = np.asarray(trial.predict(panel.matrix[tail_rows], num_threads=config.num_threads))
    rounds = max(1, trial.best_iteration)
    rows = panel.rows(0, stop)
    booster = lgb.train(parameters(config, rows), _dataset(panel, rows, config), num_boost_round=rounds)
    return Fit(from_text(to_text(booster)), rounds, tail_start, panel.label[tail_rows] - forecast)


def fit_random_walk(panel: Panel, stop: int, config: TrainingConfig) -> Fit:
    """The random walk takes no fitting; its residuals are the labels."""
    tail_start = max(0, stop - config.validation_size)
    residuals = panel.label[panel.rows(tail_start, stop)]
    return Fit(zero_booster(panel.feature_names), 1, tail_start, residuals)


def forecast_sessions(fit: Fit, panel: Panel, start: int, stop: int) -> NDArray[np.float64]:
    """Forecasts for the rows of the sessions numbered start <= i < stop."""
    return predict(fit.booster, panel.matrix[panel.rows(start, stop)])


def _early_stopped(panel: Panel, fit_rows: slice, tail_rows: slice, config: TrainingConfig) -> lgb.Booster:
    dataset = _dataset(panel, fit_rows, config)
    tail = lgb.Dataset(panel.matrix[tail_rows], panel.label[tail_rows], reference=dataset)
    stop_early = lgb.early_stopping(config.patience, verbose=False)
    return lgb.train(parameters(config, fit_rows), dataset, config.rounds, valid_sets=[tail], callbacks=[stop_early])


def _dataset(panel: Panel, rows: slice, config: TrainingConfig) -> lgb.Dataset:
    label = clipped(panel.label[rows], config)
    return lgb.Dataset(panel.matrix[rows], label, feature_name=list(panel.feature_names))


def clipped(label: NDArray[np.float64], config: TrainingConfig) -> NDArray[np.float64]:
    """The labels to fit on, winsorized at `label_clip`."""
    if config.label_clip == 0:
        return label
    return np.clip(label, *np.quantile(label, [config.label_clip, 1 - config.label_clip]))


def best_rounds(losses: Sequence[float], patience: int) -> int:
    """Where early stopping would have ended: the best of the rounds before `patience` brought nothing better."""
    best = 0
    for number, loss in enumerate(losses):
        if loss < losses[best]:
            best = number
        elif number - best >= patience:
            break
    return best + 1


def parameters(config: TrainingConfig, rows: slice) -> dict[str, object]:
    """LightGBM's parameters for a fit on these rows."""
    count = rows.stop - rows.start
    return {
        "objective": "regression",
        "learning_rate": config.learning_rate,
        "num_leaves": config.num_leaves,
        "min_data_in_leaf": max(1, round(config.leaf_share * count)),
        "lambda_l2": config.lambda_l2 * count,
        "feature_fraction": config.feature_fraction,
        "bagging_fraction": config.bagging_fraction,
        "bagging_freq": 1,
        "seed": config.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": config.num_threads,
        "verbose": -1,
    }
