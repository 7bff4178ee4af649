"""Whether the data itself is at fault: the signs that the live loop reads, from a market's counts of rows."""

from __future__ import annotations

import numpy as np

from evergreen.replay.market import Market

WINDOW = 20  # sessions, as `tasks.signs` looks at
USUAL = 290  # sessions that say how many rows are usual: what the counts of a drift check hold


def refused_share(market: Market, session: int) -> float:
    """The share of the delivered rows of the last sessions that validation refused."""
    rows, refused = market.refused[max(0, session - WINDOW + 1) : session + 1].sum(axis=0)
    return float(refused / rows) if rows else 0.0


def missing_share(market: Market, session: int) -> float:
    """The share of a usual session's rows that the last sessions lack."""
    counts = np.diff(market.first_row)[max(0, session - USUAL + 1) : session + 1]
    usual, current = float(np.median(counts)), counts[-WINDOW:]
    return max(0.0, 1 - float(current.sum()) / (usual * len(current))) if usual else 0.0
