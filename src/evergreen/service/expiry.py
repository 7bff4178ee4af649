"""Whether a model is too old to be answered from without saying so."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import pandas as pd

from evergreen.core.bars.calendar import sessions_between
from evergreen.core.model.manifest import Manifest
from evergreen.settings import Settings

Expires = Callable[[Manifest, pd.Timestamp], bool]


def never(manifest: Manifest, clock: pd.Timestamp) -> bool:
    """No model expires."""
    return False


def expiry(settings: Settings) -> Expires:
    """Whether a model was trained `model_expiry` sessions before the clock, or longer ago.

    The random walk learned nothing that could grow old.
    """

    @lru_cache(maxsize=16)  # asked for every answer
    def age(as_of: str, clock: pd.Timestamp) -> int:
        return sessions_between(settings.calendar, pd.Timestamp(as_of), clock)

    def expired(manifest: Manifest, clock: pd.Timestamp) -> bool:
        if manifest.kind == "random_walk":
            return False
        return age(manifest.as_of, clock) >= settings.model_expiry

    return expired
