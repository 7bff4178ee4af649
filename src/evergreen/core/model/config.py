"""The choices of a training run, and what they mean to LightGBM."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from evergreen.errors import BadInput

LARGEST_SEED = 2**31 - 1  # LightGBM's is a signed integer of 32 bits; NumPy's begins at 0


@dataclass(frozen=True)
class TrainingConfig:
    """Business choices of a training run; the defaults suit daily returns, where the signal is faint.

    Attributes:
        learner: what fits the models, by its name in `core.model.registry`.
        target: what they forecast, by its name in `core.model.targets.registry`.
        horizon: sessions ahead of the label.
        folds: walk-forward test windows; fewer where the history is too short for so many.
        test_size: sessions in each window (63: a quarter).
        embargo: sessions between the last training label and a window.
        min_train: fewest sessions the first fold may train on.
        train_sessions: most sessions, the last ones, that a model is fitted on; 0: all there are.
        validation_size: sessions at the end of a training window on which the rounds are chosen.
        rounds: most boosting rounds.
        patience: rounds without improvement on the validation sessions before stopping; 0: all `rounds` are
            fitted and no session is held back.
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
        ridge_penalty: L2 penalty on a linear model's weights, as a share of the rows fitted on.
        interval: nominal coverage of the forecast intervals.
        seed: of row and feature sampling.
        num_threads: fits made side by side, each by one thread, so that no model depends on it; 0: one for each
            processor this process may use. Each holds a byte for each value of its rows.
    """

    learner: str = "lightgbm"
    target: str = "return"
    horizon: int = 1
    folds: int = 16  # four years: what it takes to tell a daily model's skill from none with a few tickers
    test_size: int = 63
    embargo: int = 5
    min_train: int = 500
    train_sessions: int = 0
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
    max_bin: int = 63
    ridge_penalty: float = 0.1
    interval: float = 0.90
    seed: int = 7
    num_threads: int = 0

    def as_dict(self) -> dict[str, str | float]:
        """Names and values, as logged with a run."""
        return asdict(self)

    def __post_init__(self) -> None:
        shares = (self.leaf_share, self.feature_fraction, self.bagging_fraction, self.interval)
        if not all(0 < share <= 1 for share in shares) or not 0 <= self.label_clip < 0.5:
            raise BadInput(
                "leaf_share, feature_fraction, bagging_fraction, interval or label_clip is out of range.",
                "Shares lie above 0 and at most at 1, label_clip is a quantile below 0.5.",
            )
        if self.ridge_penalty <= 0:
            raise BadInput(f"a ridge_penalty of {self.ridge_penalty} is not above 0.", "Use 0.1, say.")
        if min(self.rounds, self.patience + 1, self.num_threads + 1, self.max_bin - 1) < 1:
            raise BadInput("rounds count from 1, patience and num_threads from 0, max_bin from 2.", "Raise them.")
        if not 0 <= self.seed <= LARGEST_SEED:
            raise BadInput(f"the seed {self.seed} is none.", f"Give a whole number from 0 to {LARGEST_SEED}.")
        if min(self.horizon, self.folds, self.test_size, self.min_train, self.validation_size) < 1 or self.embargo < 0:
            raise BadInput(
                "horizon, folds, test_size, min_train and validation_size count from 1, embargo from 0.", "Raise them."
            )
        if self.train_sessions < 0 or 0 < self.train_sessions < self.validation_size + self.horizon + self.embargo + 1:
            raise BadInput(
                f"{self.train_sessions} sessions leave none to fit on beside {self.validation_size} of validation.",
                "Give more sessions, or 0 for all there are.",
            )

    def first_session(self, stop: int) -> int:
        """The number of the first session that a model of the sessions before number `stop` is fitted on."""
        return max(0, stop - self.train_sessions) if self.train_sessions else 0


def recipe(config: TrainingConfig, features: Sequence[str]) -> str:
    """What a model is made by, in 16 hexadecimal digits: equal for two trainings that differ in their data alone."""
    choices = config.as_dict() | {"num_threads": 1}  # of which a model has nothing
    if config.target == "return":
        del choices["target"]  # recipes from before there were others stay what they were
    facts = json.dumps([choices, list(features)], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


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
        "force_col_wise": True,  # the same model as by row, without a second copy of all bins, and sooner
        "num_threads": 1,  # a second in one fit brings less than a second fit, and stands in the model's text
        "verbose": -1,
    }
