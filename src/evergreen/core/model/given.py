"""A model that is given: the evidence for it, on sessions after the last that it was trained through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from evergreen.core.dataset.panel import labelled_panel
from evergreen.core.model.aim import Aim
from evergreen.core.model.config import TrainingConfig
from evergreen.core.model.protocol import Fit, Model
from evergreen.core.model.training import Training, train
from evergreen.core.model.verified import sha256
from evergreen.errors import BadInput

if TYPE_CHECKING:
    from evergreen.core.dataset.panel import Panel

BLOCK = 21  # sessions of a row in the table of folds: a month
RECIPE = 16  # hexadecimal digits, as `core.model.config.recipe` has them: each file is a hypothesis of its own
BAND = 126  # sessions before them, from which the first interval is taken


@dataclass(frozen=True)
class Given:
    """It fits nothing: each fold has the same model."""

    model: Model
    title: str = "model that was given"

    @property
    def name(self) -> str:
        """Of the model's kind."""
        return self.model.kind

    def read(self, content: bytes) -> Model:
        """The model itself; nothing is read by this name."""
        return self.model

    def fits(self, panel: Panel, stops: Sequence[int], config: TrainingConfig) -> Iterator[Fit]:
        """The model; its residuals are the labels, for what it says of sessions trained on is no evidence."""
        for stop in stops:
            tail_start = max(0, stop - config.validation_size)
            yield Fit(self.model, 1, tail_start, panel.label[panel.rows(tail_start, stop)])


def judge_given(
    model: Model, training_set: pd.DataFrame, trained_through: pd.Timestamp, aim: Aim, chosen_from: int = 1
) -> Training:
    """A record of a model that was fitted elsewhere, and what a server needs to know of it.

    Only sessions after `trained_through` are forecast; whole months of them, the last ones.

    Args:
        model: fitted elsewhere, on nothing later than the close of `trained_through`.
        training_set: with the model's features; it takes no part in fitting.
        trained_through: the last session whose prices the model has seen, in features or labels.
        aim: what the labels are of.
        chosen_from: models that this one was chosen from, itself included; the gate counts each.

    Raises:
        BadInput: fewer than a month of sessions came after it, or too few before.
    """
    sessions = labelled_panel(training_set).sessions
    after = int((sessions > trained_through).sum())
    if after < BLOCK:
        raise BadInput(
            f"{after} sessions with an outcome came after {trained_through:%Y-%m-%d}, not {BLOCK}.",
            "A model is judged on what it has not seen: bring one that has seen less, or wait.",
        )
    config = TrainingConfig(
        learner=model.kind,
        target=aim.target,
        horizon=aim.horizon,
        folds=after // BLOCK,
        test_size=BLOCK,
        min_train=BAND,
        validation_size=BAND,
        embargo=0,
    )
    training = train(training_set, config, chosen_from=chosen_from, learner=Given(model))
    seen = replace(training.seen, last_session=trained_through)
    return replace(training, seen=seen, recipe=sha256(model.to_bytes())[:RECIPE])
