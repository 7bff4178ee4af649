"""A small, budgeted search for parameters, inside training sessions only."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.dataset.panel import Panel, TrainingSet, labelled_panel
from evergreen.core.dataset.splits import purged_tail
from evergreen.core.model.fitting import TrainingConfig, fit_booster, forecast_sessions
from evergreen.core.model.side_by_side import spread
from evergreen.core.model.walk_forward_record import folds_of
from evergreen.errors import BadInput

TUNED = ("lightgbm", "averaged_lightgbm")  # of a mean, one member is searched for: all are of one configuration


@dataclass(frozen=True)
class Tuned:
    """What a search found.

    Attributes:
        config: the best configuration, the one begun with included.
        tried: each configuration with its `loss` (mean squared error over the inner windows), in order.
    """

    config: TrainingConfig
    tried: pd.DataFrame


def tune(training_set: TrainingSet, config: TrainingConfig, budget: int, inner_folds: int = 3) -> Tuned:
    """Search by Optuna's TPE, seeded, over the sessions that the first fold of `config` trains on.

    No session that the walk-forward record will be judged on is looked at, nor a label that reaches into one. The
    inner windows are as long as the validation tail and purged and embargoed like the outer ones. The given
    configuration is tried first, so that a search without luck changes nothing.

    Args:
        training_set: as for `core.training.train`.
        config: where to begin, and what is not searched for.
        budget: configurations tried, the first included. Each one is a look that counts against the challenger.
        inner_folds: windows each configuration is judged on.

    Raises:
        BadInput: no budget, another learner than LightGBM or its mean, or too few sessions for the inner windows.
    """
    if budget < 1:
        raise BadInput(f"a budget of {budget} configurations tries nothing.", "Use 1 or more.")
    require_tunable(config.learner)
    import optuna

    panel = labelled_panel(training_set)
    first = folds_of(panel.sessions, config)[0]
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=config.seed))
    start = {name: getattr(config, name) for name in ("learning_rate", "num_leaves", "leaf_share", "lambda_l2")}
    study.enqueue_trial(start)
    rows = []
    for _ in range(budget):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a start outside the ranges searched is no fault
            trial = study.ask(_space())
        candidate = replace(config, **trial.params)
        loss = _inner_loss(panel, len(first.train), candidate, inner_folds)
        study.tell(trial, loss)
        rows.append(trial.params | {"loss": loss})
    return Tuned(replace(config, **study.best_params), pd.DataFrame(rows))


def require_tunable(learner: str) -> None:
    """Pass if a search knows the parameters of that learner.

    Raises:
        BadInput: it does not.
    """
    if learner not in TUNED:
        raise BadInput(
            f"a search knows the parameters of lightgbm, not of {learner}.", "Use a budget of 0, or lightgbm."
        )


def _space() -> dict[str, object]:
    from optuna.distributions import FloatDistribution, IntDistribution

    return {
        "learning_rate": FloatDistribution(0.005, 0.2, log=True),
        "num_leaves": IntDistribution(4, 64, log=True),
        "leaf_share": FloatDistribution(0.002, 0.1, log=True),
        "lambda_l2": FloatDistribution(1e-4, 1.0, log=True),
    }


def _inner_loss(panel: Panel, stop: int, config: TrainingConfig, folds: int) -> float:
    """Mean squared error over the last windows before session number `stop`, each by a model from before it."""
    size = config.validation_size

    def error(end: int) -> NDArray[np.float64]:
        before, window = purged_tail(panel.sessions[:end], size, config.horizon, config.embargo)
        fit = fit_booster(panel, len(before), replace(config, num_threads=1))
        rows = panel.rows(end - len(window), end)
        return panel.label[rows] - forecast_sessions(fit, panel, end - len(window), end)

    errors = spread(error, range(stop - (folds - 1) * size, stop + 1, size), config.num_threads)
    return float(np.mean(np.concatenate(list(errors)) ** 2))
