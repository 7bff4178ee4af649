"""Whether a model is too old to be answered from without saying so."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import pandas as pd

from evergreen.core.calendar import sessions_between
from evergreen.core.manifest import Manifest
from evergreen.settings import Settings

Expires = Callable[[Manifest, pd.Timestamp], bool]


def never(manifest: Manifest, clock: pd.Timestamp) -> bool:
    """No model expires."""
    return False


def expiry(settings: Settings) -> Expires:
    """Whether a model was trained `model_expiry` sessions before the clock, or longer ago.

    The random walk learned nothing that could grow old.
    """
    age = lru_cache(maxsize=16)(lambda trained, clock: sessions_between(settings.calendar, trained, clock))

    def expired(manifest: Manifest, clock: pd.Timestamp) -> bool:
        if manifest.kind == "random_walk":
            return False
        return bool(age(pd.Timestamp(manifest.as_of), clock) >= settings.model_expiry)

    return expired
