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
from evergreen.core.targets import normal_ranks, return_per_score, winsorized
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
        ranked: fit the order of the labels within each session (normal scores, times the return that a score is
            worth in the sessions fitted on) instead of the labels; for many tickers a session.
        max_bin: most bins a feature is cut into.
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
    ranked: bool = False
    max_bin: int = 255
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
        if min(self.rounds, self.patience, self.num_threads, self.max_bin - 1) < 1:
            raise BadInput("rounds, patience and num_threads count from 1, max_bin from 2.", "Raise them.")


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
    fit_rows, tail_rows, rows = panel.rows(0, len(kept)), panel.rows(tail_start, stop), panel.rows(0, stop)
    prepare = _ranked_sets if config.ranked else _plain_sets
    fit_set, tail_set, whole_set = prepare(panel, fit_rows, tail_rows, rows, config)
    stop_early = lgb.early_stopping(config.patience, verbose=False)
    trial = lgb.train(
        parameters(config, fit_rows), fit_set, config.rounds, valid_sets=[tail_set], callbacks=[stop_early]
    )
    forecast = np.asarray(trial.predict(panel.matrix[tail_rows], num_threads=config.num_threads))
    rounds = max(1, trial.best_iteration)
    booster = lgb.train(parameters(config, rows), whole_set, num_boost_round=rounds)
    return Fit(from_text(to_text(booster)), rounds, tail_start, panel.label[tail_rows] - forecast)


def fit_random_walk(panel: Panel, stop: int, config: TrainingConfig) -> Fit:
    """The random walk takes no fitting; its residuals are the labels."""
    tail_start = max(0, stop - config.validation_size)
    residuals = panel.label[panel.rows(tail_start, stop)]
    return Fit(zero_booster(panel.feature_names), 1, tail_start, residuals)


def forecast_sessions(fit: Fit, panel: Panel, start: int, stop: int) -> NDArray[np.float64]:
    """Forecasts for the rows of the sessions numbered start <= i < stop."""
    return predict(fit.booster, panel.matrix[panel.rows(start, stop)])


def labels_to_fit(panel: Panel, rows: slice, config: TrainingConfig) -> NDArray[np.float64]:
    """What a fit on these rows learns: their labels, winsorized, or their ranks in units of return."""
    if config.ranked:
        return labels_to_stop_by(panel, rows, rows, config)
    return winsorized(panel.label[rows], config.label_clip)


def labels_to_stop_by(panel: Panel, tail: slice, fitted: slice, config: TrainingConfig) -> NDArray[np.float64]:
    """What forecasts of the rows `tail`, by a fit on the rows `fitted`, are compared with to choose the rounds."""
    if not config.ranked:
        return panel.label[tail]
    scores = normal_ranks(panel)
    return scores[tail] * return_per_score(scores[fitted], winsorized(panel.label[fitted], config.label_clip))


def best_rounds(losses: Sequence[float], patience: int) -> int:
    """Where early stopping would have ended: the best of the rounds before `patience` brought nothing better."""
    best = 0
    for number, loss in enumerate(losses):
        if loss < losses[best]:
            best = number
        elif number - best >= patience:
            break
    return best + 1


def _plain_sets(
    panel: Panel, fit_rows: slice, tail_rows: slice, rows: slice, config: TrainingConfig
) -> tuple[lgb.Dataset, lgb.Dataset, lgb.Dataset]:
    """To fit on, to stop by, and all: each of the two fits finds its own bins."""
    names = list(panel.feature_names)
    fit_set, whole = (
        lgb.Dataset(panel.matrix[part], labels_to_fit(panel, part, config), feature_name=names)
        for part in (fit_rows, rows)
    )
    to_stop_by = labels_to_stop_by(panel, tail_rows, fit_rows, config)
    return fit_set, lgb.Dataset(panel.matrix[tail_rows], to_stop_by, reference=fit_set), whole


def _ranked_sets(
    panel: Panel, fit_rows: slice, tail_rows: slice, rows: slice, config: TrainingConfig
) -> tuple[lgb.Dataset, lgb.Dataset, lgb.Dataset]:
    """As `_plain_sets`, binned once, for that is half the time of a fit on a broad panel."""
    names, target = list(panel.feature_names), labels_to_fit(panel, rows, config)
    whole = lgb.Dataset(panel.matrix[rows], target, feature_name=names, params=_binning(config)).construct()
    fit_set, tail = (whole.subset(range(part.start, part.stop)).construct() for part in (fit_rows, tail_rows))
    fit_set.set_label(labels_to_fit(panel, fit_rows, config))
    tail.set_label(labels_to_stop_by(panel, tail_rows, fit_rows, config))
    return fit_set, tail, whole


def _binning(config: TrainingConfig) -> dict[str, object]:
    """Bins from a sample of the rows, for which LightGBM takes 8 bytes a value."""
    return {
        "max_bin": config.max_bin,
        "bin_construct_sample_cnt": 50_000,
        "feature_pre_filter": False,
        "data_random_seed": config.seed,
        "num_threads": config.num_threads,
        "verbose": -1,
    }


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
        "max_bin": config.max_bin,
        "seed": config.seed,
        "deterministic": True,
        # by row takes a second copy of all bins, which few rows do not show
        "force_col_wise" if config.ranked else "force_row_wise": True,
        "num_threads": config.num_threads,
        "verbose": -1,
    }
