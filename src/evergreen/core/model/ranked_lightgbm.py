"""LightGBM on factors ranked within their session: blind to levels, it errs apart from one that reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from evergreen.core.model.booster import LightGBM, from_text
from evergreen.core.model.lightgbm_learner import booster_of
from evergreen.core.model.protocol import Codes, Fit, Forecasts, Rows
from evergreen.core.model.session_scores import session_scores

if TYPE_CHECKING:
    from evergreen.core.dataset.panel import Panel
    from evergreen.core.model.config import TrainingConfig


@dataclass(frozen=True, eq=False)
class RankedLightGBM:
    """Trees that read normal scores."""

    trees: LightGBM
    kind: str = "ranked_lightgbm"

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the factors, unranked."""
        return self.trees.features

    @property
    def width(self) -> int:
        """As many columns as features."""
        return self.trees.width

    def prepare(self, rows: Rows, session: Codes) -> Rows:
        """Scores of the factors among all rows of the session."""
        return session_scores(rows, session)

    def predict(self, prepared: Rows, num_threads: int = 1) -> Forecasts:
        """As the trees say."""
        return self.trees.predict(prepared, num_threads)

    def importance(self) -> Forecasts:
        """Total gain of each factor's score."""
        return self.trees.importance()

    def to_bytes(self) -> bytes:
        """LightGBM's native text: the kind, which is on record beside it, says that it reads scores."""
        return self.trees.to_bytes()


class RankedLightGBMLearner:
    """The fits of LightGBM on a panel whose factors are scores; a panel that lies in a file is read whole."""

    name = "ranked_lightgbm"
    title = "LightGBM on ranked factors"

    def fits(self, panel: Panel, stops: Sequence[int], config: TrainingConfig) -> Iterator[Fit]:
        """`core.model.fitting.fit_boosters` on scores; a session's hold nothing of any other."""
        from evergreen.core.model.fitting import fit_boosters

        counts = np.diff(panel.first_row)
        scores = session_scores(panel.matrix[0 : len(panel.label)], np.arange(len(counts)).repeat(counts))
        for fit in fit_boosters(replace(panel, matrix=scores), stops, config):
            yield replace(fit, model=RankedLightGBM(booster_of(fit)))

    def read(self, content: bytes) -> RankedLightGBM:
        """A booster from its native text."""
        return RankedLightGBM(LightGBM(from_text(content.decode())))
