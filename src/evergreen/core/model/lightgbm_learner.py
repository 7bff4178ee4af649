"""LightGBM as a learner, fitted in this process; `adapters.cluster` fits it on more than one machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from evergreen.core.model.booster import LightGBM, from_text
from evergreen.core.model.protocol import Fit

if TYPE_CHECKING:
    from evergreen.core.dataset.panel import Panel
    from evergreen.core.model.config import TrainingConfig


class LightGBMLearner:
    """Boosted trees on squared loss; `config.ranked` fits the order within each session."""

    name = "lightgbm"
    title = "LightGBM forecaster"

    def fits(self, panel: Panel, stops: Sequence[int], config: TrainingConfig) -> Iterator[Fit]:
        """`core.model.fitting.fit_boosters`."""
        from evergreen.core.model.fitting import fit_boosters

        return fit_boosters(panel, stops, config)

    def read(self, content: bytes) -> LightGBM:
        """A booster from its native text."""
        return LightGBM(from_text(content.decode()))
