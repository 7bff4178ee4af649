"""Whether the data itself is at fault: the signs that the live loop reads, from a market's counts of rows."""

from __future__ import annotations

import numpy as np

from evergreen.core import drift
from evergreen.core.drift import LATELY
from evergreen.replay.market import Market

USUAL = 290  # sessions that say how many rows are usual: what the counts of a drift check hold


def refused_share(market: Market, session: int) -> float:
    """The share of the delivered rows of the last sessions that validation refused."""
    rows, refused = market.refused[max(0, session - LATELY + 1) : session + 1].sum(axis=0)
    return float(refused / rows) if rows else 0.0


def missing_share(market: Market, session: int) -> float:
    """The share of a usual session's rows that the last sessions lack."""
    return drift.missing_share(np.diff(market.first_row)[max(0, session - USUAL + 1) : session + 1])
