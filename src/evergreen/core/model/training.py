"""One training path, for the scheduled flow and for a researcher alike: equal inputs, equal model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.bars.session import iso
from evergreen.core.dataset.look_ahead_audit import Audit, verdict_on
from evergreen.core.dataset.panel import Panel, TrainingSet, labelled_panel, training_frame, training_set_sha256
from evergreen.core.dataset.splits import Fold
from evergreen.core.evaluation.evaluate import assess, evaluate
from evergreen.core.model.config import TrainingConfig, recipe
from evergreen.core.model.input_checks import training_range
from evergreen.core.model.intervals import Band, panel_scales
from evergreen.core.model.manifest import Manifest, nullable
from evergreen.core.model.protocol import Fit, Learner, Model, forecast
from evergreen.core.model.registry import learner as registered
from evergreen.core.model.targets.registry import target
from evergreen.core.model.verified import sha256
from evergreen.core.model.walk_forward_record import continuity_of, folds_of, forecast_folds, out_of_sample

__all__ = [
    "Training",
    "TrainingConfig",
    "train",
    "train_random_walk",
    "training_frame",
    "training_set_sha256",
]

Progress = Callable[[float, str], None]
GOLDEN_ROWS = 16  # two of them at the edges (all missing, all zero); enough trees are walked, the manifest stays small


@dataclass(frozen=True, eq=False)
class Seen:
    """The rows of a training in a few numbers: ends of each feature and of the label, and rows to try a model on."""

    feature_names: tuple[str, ...]
    feature_low: tuple[float | None, ...]
    feature_high: tuple[float | None, ...]
    target_low: float
    target_high: float
    last_session: pd.Timestamp
    golden: NDArray[np.float32]


@dataclass(frozen=True)
class Training:
    """A model and the evidence for it.

    Attributes:
        model: fitted on every labelled session.
        oos: ticker, session, forecast, label, lower, upper: walk-forward rows that the fold's model had
            not seen, with the intervals that stood then. Log returns.
        metrics: over `oos`; None where undefined (a constant forecast has no RankIC).
        folds: one row per fold: its sessions, rounds and metrics.
        importance: by feature of the final model, largest first; empty where that means nothing.
        config: what it was trained with.
        training_set_sha256: identity of the training set.
        audit: the look-ahead audit that came with the training set; None if it never was audited.
        band: what the next interval reaches over, in scales away from the forecast.
        scales: of each ticker's next outcome, log return.
        seen: what a server is told of the rows trained on; the rows themselves are let go.
        recipe: of a model that was given, which no configuration makes again; empty for one that was fitted here.
    """

    model: Model
    oos: pd.DataFrame
    metrics: dict[str, float | None]
    folds: pd.DataFrame
    importance: pd.Series
    config: TrainingConfig
    training_set_sha256: str
    audit: Audit | None
    band: Band
    scales: dict[str, float]
    seen: Seen
    recipe: str = ""

    def manifest(self, as_of: str, data_version: str) -> Manifest:
        """The facts a server needs about the model, standing at session `as_of` (ISO date)."""
        outputs = forecast(self.model, self.seen.golden)
        return Manifest(
            kind=self.model.kind,
            model_sha256=sha256(self.model.to_bytes()),
            feature_names=self.seen.feature_names,
            horizon=self.config.horizon,
            interval_low=self.band.low,
            interval_high=self.band.high,
            interval_level=self.config.interval,
            scales=self.scales,
            residual_sigma=float((self.oos["label"] - self.oos["forecast"]).std()),
            target_low=self.seen.target_low,
            target_high=self.seen.target_high,
            trained_through=iso(self.seen.last_session),
            as_of=as_of,
            data_version=data_version,
            training_set_sha256=self.training_set_sha256,
            seed=self.config.seed,
            golden_inputs=tuple(nullable(row) for row in self.seen.golden),
            golden_outputs=tuple(float(each) for each in outputs),
            metrics=self.metrics,
            audit=None if self.audit is None else self.audit.to_dict(),
            feature_low=self.seen.feature_low,
            feature_high=self.seen.feature_high,
            target=self.config.target,
            recipe=self.recipe or recipe(self.config, self.seen.feature_names),
        )


def train(
    training_set: TrainingSet,
    config: TrainingConfig = TrainingConfig(),
    progress: Progress = lambda share, what: None,
    chosen_from: int = 1,
    learner: Learner | None = None,
) -> Training:
    """Walk forward for the evidence, then fit the model on every labelled session.

    Args:
        training_set: from `training_frame`, holding only what was known at its as-of session.
        config: choices of the run.
        progress: told the share done (0 to 1) and what was just finished.
        chosen_from: configurations that `config` was chosen from, itself included; kept as a metric,
            for the gate counts each.
        learner: fits the models; by default the one that `config` names, in this process.

    Raises:
        BadInput: an unusable training set, or too few sessions for the folds.
    """
    training = _walk(training_set, learner or registered(config.learner), config, progress)
    return replace(training, metrics=training.metrics | {"configurations": float(chosen_from)})


def train_random_walk(training_set: TrainingSet, config: TrainingConfig = TrainingConfig()) -> Training:
    """The random walk (forecast 0) put through the same folds, so that it has the same evidence."""
    return _walk(training_set, registered("random_walk"), config, lambda share, what: None)


def _walk(training_set: TrainingSet, learner: Learner, config: TrainingConfig, progress: Progress) -> Training:
    panel = labelled_panel(training_set)
    folds = folds_of(panel.sessions, config)
    *fits, final = _fits(panel, learner, folds, config, progress)
    tested, forecast = forecast_folds(panel, folds, fits, config)
    continuity = continuity_of(panel, folds, [*fits, final], forecast, config)
    scale, scales = panel_scales(panel, config.horizon)
    oos, band = out_of_sample(panel, tested, forecast, fits[0], scale, config)
    return Training(
        model=final.model,
        oos=oos,
        metrics=assess(oos, config.horizon, target(config.target).is_return)
        | {"rounds": float(final.rounds)}
        | (continuity.metrics if continuity else {}),
        folds=_fold_table(folds, fits, oos, config),
        importance=_importance(final, panel),
        config=config,
        training_set_sha256=training_set_sha256(training_set),
        audit=verdict_on(training_set, folds, config.horizon),
        band=band,
        scales=scales,
        seen=_seen(panel),
    )


def _fits(panel: Panel, learner: Learner, folds: list[Fold], config: TrainingConfig, progress: Progress) -> list[Fit]:
    """One a fold and the final model's, in this order."""
    stops = [*(len(fold.train) for fold in folds), len(panel.sessions)]
    fits = []
    for number, fit in enumerate(learner.fits(panel, stops, config), start=1):
        fits.append(fit)
        last = number == len(stops)
        progress(round(number / len(stops), 3), "final model" if last else f"fold {number} of {len(folds)}")
    return fits


def _fold_table(folds: list[Fold], fits: list[Fit], oos: pd.DataFrame, config: TrainingConfig) -> pd.DataFrame:
    rows = [_fold_row(_fitted_on(fold, config), oos[oos["session"].isin(fold.test)]) for fold in folds]
    return pd.DataFrame(rows).assign(fold=range(1, len(folds) + 1), rounds=[fit.rounds for fit in fits])


def _fitted_on(fold: Fold, config: TrainingConfig) -> pd.DatetimeIndex:
    return fold.train[config.first_session(len(fold.train)) :]


def _fold_row(train_sessions: pd.DatetimeIndex, frame: pd.DataFrame) -> dict[str, object]:
    measured = evaluate(frame)
    shown = ("loss", "loss_random_walk", "skill", "ic", "rank_ic", "coverage")
    return {
        "train_start": train_sessions[0],
        "train_end": train_sessions[-1],
        "test_start": frame["session"].min(),
        "test_end": frame["session"].max(),
    } | {name: measured[name] for name in shown}


def _importance(fit: Fit, panel: Panel) -> pd.Series:
    values, names = fit.model.importance(), list(panel.feature_names)
    known = pd.Series(dtype=float) if values is None else pd.Series(values, index=names)
    return known.rename("importance").sort_values(ascending=False, kind="stable")


def _seen(panel: Panel) -> Seen:
    low, high = training_range(panel.matrix)
    ends = float(panel.label.min()), float(panel.label.max())
    return Seen(panel.feature_names, low, high, *ends, panel.sessions[-1], _golden_inputs(panel))


def _golden_inputs(panel: Panel) -> NDArray[np.float32]:
    """Rows spread over the panel, then one of NaN and one of zeros."""
    picks = np.linspace(0, len(panel.label) - 1, GOLDEN_ROWS - 2).astype(int)
    edges = np.zeros((2, panel.matrix.shape[1]), dtype=np.float32)
    edges[0] = np.nan
    rows = np.vstack([panel.matrix[picks], edges])
    return np.where(np.isfinite(rows), rows, np.float32(np.nan)).astype(np.float32)
