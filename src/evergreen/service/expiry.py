"""Whether a model is too old to be answered from without saying so."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import pandas as pd

from evergreen.core.model.manifest import Manifest

Expires = Callable[[Manifest, pd.Timestamp], bool]


def never(manifest: Manifest, clock: pd.Timestamp) -> bool:
    """No model expires."""
    return False


def expiry(limit: int, between: Callable[[pd.Timestamp, pd.Timestamp], int]) -> Expires:
    """Whether a model was trained `limit` sessions before the clock, or longer ago; `between` counts sessions.

    The random walk learned nothing that could grow old.
    """

    @lru_cache(maxsize=16)  # asked for every answer
    def age(as_of: str, clock: pd.Timestamp) -> int:
        return between(pd.Timestamp(as_of), clock)

    def expired(manifest: Manifest, clock: pd.Timestamp) -> bool:
        if manifest.kind == "random_walk":
            return False
        return age(manifest.as_of, clock) >= limit

    return expired
