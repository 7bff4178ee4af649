"""LightGBM as a learner, fitted in this process; `adapters.cluster` fits it on more than one machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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

    def fitter(self, panel: Panel, config: TrainingConfig) -> Callable[[int], Fit]:
        """`core.model.fitting.fit_before`, on rows put into bins once."""
        from evergreen.core.model.fitting import fit_before
        from evergreen.core.model.lightgbm_datasets import Datasets

        sets = Datasets(panel, [config.min_train, len(panel.sessions)], config)
        return lambda stop: fit_before(panel, stop, config, sets)

    def read(self, content: bytes) -> LightGBM:
        """A booster from its native text."""
        return LightGBM(from_text(content.decode()))
