"""The return over the horizon, from which a price follows."""

from __future__ import annotations

import pandas as pd

from evergreen.core.dataset.labels import forward_return


class Return:
    """Log return of the adjusted close."""

    name = "return"
    title = "log return"
    baseline = "the random walk"
    lookback = 0
    is_return = True
    by_order = True
    # A tenth of it would be a discovery (the best monthly models explain half a percent: Gu, Kelly & Xiu, RFS 2020).
    most_skill = 0.20

    def label(self, bars: pd.DataFrame, horizon: int) -> pd.Series:
        """As `core.dataset.labels.forward_return`."""
        return forward_return(bars, horizon)
