"""What a canary says after a session."""

from __future__ import annotations

from enum import Enum


class CanaryVerdict(Enum):
    """What a canary says after a session. All but `CONTINUE` are final."""

    CONTINUE = "continue"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    INCONCLUSIVE = "inconclusive"
