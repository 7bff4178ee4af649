"""A target of somebody else: its own code, named where it fails, and labels that have the shape they must have."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evergreen.core.model.targets.protocol import Target
from evergreen.core.registered import attributed
from evergreen.errors import BadInput


class VettedTarget:
    """As its own says, in `targets.protocol`'s words."""

    def __init__(self, own: Target) -> None:
        self.name, self.title, self.baseline, self.lookback = own.name, own.title, own.baseline, own.lookback
        self.is_return, self.by_order, self.most_skill = own.is_return, own.by_order, own.most_skill
        self._own = own

    def label(self, bars: pd.DataFrame, horizon: int) -> pd.Series:
        """As its own.

        Raises:
            BadInput: it raised, or its labels are not one for each bar.
        """
        with attributed(f"the target {self.name!r}", "when it labelled bars"):
            labels = self._own.label(bars, horizon)
        index = pd.MultiIndex.from_frame(bars[["ticker", "session"]]).sort_values()
        if not isinstance(labels, pd.Series) or not labels.index.equals(index):
            raise self._refusal("does not give a series with one label for each bar, sorted by ticker and session")
        if labels.dtype != np.float64 or labels.name != "label":
            raise self._refusal(f"gives labels named {labels.name!r} of {labels.dtype}, not 'label' of float64")
        if np.isinf(labels).any():
            raise self._refusal("gives labels that are infinite; what is not known is NaN")
        return labels

    def _refusal(self, what: str) -> BadInput:
        return BadInput(f"the target {self.name!r} {what}.", "`evergreen.core.model.targets.protocol` has the shape.")
