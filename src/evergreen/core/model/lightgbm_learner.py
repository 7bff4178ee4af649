"""LightGBM as a learner, fitted in this process; `adapters.cluster` fits it on more than one machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
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

    def side_by_side(
        self, panel: Panel, stops: Sequence[int], configs: Sequence[TrainingConfig]
    ) -> Iterator[list[Fit]]:
        """`fits` of configurations that differ in their seed, on the bins of the first."""
        from evergreen.core.model.fitting import fit_side_by_side

        return fit_side_by_side(panel, stops, configs)

    def fitter(self, panel: Panel, config: TrainingConfig) -> Callable[[int], Fit]:
        """`core.model.fitting.fit_before`, on rows put into bins once."""
        return self.fitters(panel, [config])[0]

    def fitters(self, panel: Panel, configs: Sequence[TrainingConfig]) -> list[Callable[[int], Fit]]:
        """`fitter` of configurations that differ in their seed, on the bins of the first."""
        from evergreen.core.model.fitting import fit_before
        from evergreen.core.model.lightgbm_datasets import Datasets

        sets = Datasets(panel, [configs[0].min_train, len(panel.sessions)], configs[0])
        return [partial(fit_before, panel, config=config, sets=sets) for config in configs]

    def read(self, content: bytes) -> LightGBM:
        """A booster from its native text."""
        return LightGBM(from_text(content.decode()))


def booster_of(fit: Fit) -> LightGBM:
    """The model of a fit by this learner."""
    assert isinstance(fit.model, LightGBM)
    return fit.model
