"""The random walk, tomorrow's price is today's: the incumbent before the first champion."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evergreen.core.model.documents import read_document
from evergreen.core.model.protocol import Codes, Fit, Forecasts, Model, Rows

if TYPE_CHECKING:
    from evergreen.core.dataset.panel import Panel
    from evergreen.core.model.config import TrainingConfig


@dataclass(frozen=True)
class RandomWalk:
    """It answers 0 (no change in log price) for any row, NaN included."""

    features: tuple[str, ...]
    kind: str = "random_walk"

    @property
    def width(self) -> int:
        """As many columns as features."""
        return len(self.features)

    def prepare(self, rows: Rows, session: Codes) -> Rows:
        """The rows as they are."""
        return rows

    def predict(self, prepared: Rows, num_threads: int = 1) -> Forecasts:
        """Nothing but zeros."""
        return np.zeros(len(prepared))

    def importance(self) -> None:
        """No feature counts."""
        return None

    def to_bytes(self) -> bytes:
        """JSON."""
        return json.dumps({"kind": self.kind, "features": self.features}).encode()


class RandomWalkLearner:
    """It takes no fitting."""

    name = "random_walk"
    title = "random walk as forecaster"

    def fits(self, panel: Panel, stops: Sequence[int], config: TrainingConfig) -> Iterator[Fit]:
        """One for each stop; its residuals are the labels."""
        for stop in stops:
            tail_start = max(0, stop - config.validation_size)
            yield Fit(RandomWalk(panel.feature_names), 1, tail_start, panel.label[panel.rows(tail_start, stop)])

    def read(self, content: bytes) -> Model:
        """The random walk; before it was a model of its own it was kept as a booster that says 0."""
        if content.startswith(b"tree"):
            from evergreen.core.model.lightgbm_learner import LightGBMLearner

            return LightGBMLearner().read(content)
        return RandomWalk(tuple(read_document(content, self.name)["features"]))
