"""The mean of boosters that differ in their seed: what one of them owes to its draws of rows and columns evens out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from evergreen.core.model.booster import LightGBM, from_text
from evergreen.core.model.documents import read_document
from evergreen.core.model.lightgbm_learner import LightGBMLearner, booster_of
from evergreen.core.model.protocol import Codes, Fit, Forecasts, Rows

if TYPE_CHECKING:
    from evergreen.core.dataset.panel import Panel
    from evergreen.core.model.config import TrainingConfig

MEMBERS = 3  # docs/decisions/0055: two were not shown better than today's one, of five the gain was no larger


@dataclass(frozen=True, eq=False)
class AveragedLightGBM:
    """Boosters of the same features, each with an equal say."""

    members: tuple[LightGBM, ...]
    kind: str = "averaged_lightgbm"

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns all members read."""
        return self.members[0].features

    @property
    def width(self) -> int:
        """As many columns as features."""
        return self.members[0].width

    def prepare(self, rows: Rows, session: Codes) -> Rows:
        """The rows as they are."""
        return rows

    def predict(self, prepared: Rows, num_threads: int = 1) -> Forecasts:
        """The mean of what the members say."""
        forecasts = [member.predict(prepared, num_threads) for member in self.members]
        return np.asarray(np.mean(forecasts, axis=0), dtype=np.float64)

    def importance(self) -> Forecasts:
        """Total gain of each feature, the members' mean."""
        return np.asarray(np.mean([member.importance() for member in self.members], axis=0), dtype=np.float64)

    def to_bytes(self) -> bytes:
        """JSON, with each member as LightGBM's native text."""
        members = [member.to_bytes().decode() for member in self.members]
        return json.dumps({"kind": self.kind, "members": members}).encode()


class AveragedLightGBMLearner:
    """Members fitted on the same bins; `by` fits one of them."""

    name = "averaged_lightgbm"
    title = f"mean of {MEMBERS} LightGBM forecasters"

    def __init__(self, by: LightGBMLearner | None = None) -> None:
        self._by = by or LightGBMLearner()

    def fits(self, panel: Panel, stops: Sequence[int], config: TrainingConfig) -> Iterator[Fit]:
        """The mean of the members of each window."""
        return map(_mean, self._by.side_by_side(panel, stops, _members(config)))

    def fitter(self, panel: Panel, config: TrainingConfig) -> Callable[[int], Fit]:
        """The same of any window, on rows put into bins once."""
        members = self._by.fitters(panel, _members(config))
        return lambda stop: _mean([fit(stop) for fit in members])

    def read(self, content: bytes) -> AveragedLightGBM:
        """The members of a document."""
        texts = read_document(content, self.name)["members"]
        return AveragedLightGBM(tuple(LightGBM(from_text(text)) for text in texts))


def _members(config: TrainingConfig) -> list[TrainingConfig]:
    return [replace(config, seed=config.seed + number) for number in range(MEMBERS)]


def _mean(fits: Sequence[Fit]) -> Fit:
    boosters = tuple(booster_of(fit) for fit in fits)
    rounds = round(float(np.mean([fit.rounds for fit in fits])))
    residuals = np.asarray(np.mean([fit.tail_residuals for fit in fits], axis=0), dtype=np.float64)
    return Fit(AveragedLightGBM(boosters), rounds, fits[0].tail_start, residuals)
