"""The kinds of decisions on record: their one home."""

from __future__ import annotations

from enum import StrEnum


class DecisionKind(StrEnum):
    """What a row of the decision log is about; the value is what is stored."""

    DRIFT = "drift"  # a finding, whatever followed
    RETRAIN_REQUESTED = "retrain_requested"
    RETRAIN_CLOSED = "retrain_closed"  # by a person, unfinished
    GATE = "gate"
    FIRST_CHAMPION = "first_champion"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    INCONCLUSIVE = "inconclusive"
    DECLINED = "declined"  # its sessions ran out, and no gain is to be expected of it
    MISMATCH = "mismatch"  # what was served is not what its model says
    SUPERSEDED = "superseded"
    CANARY_START = "canary_start"
    CANARY = "canary"  # a look at the running one
    CANARY_REFUSED = "canary_refused"
    CANARY_QUEUED = "canary_queued"
    CANARY_DROPPED = "canary_dropped"
    APPROVAL = "approval"
    QUARANTINE = "quarantine"


# After one of these its subject, or the champion it names, serves everybody.
MAKES_CHAMPION = frozenset({DecisionKind.FIRST_CHAMPION, DecisionKind.PROMOTE, DecisionKind.ROLLBACK})
# A version that met one of these has had its turn: it is tried once.
HAD_ITS_TURN = frozenset({DecisionKind.CANARY_START, DecisionKind.PROMOTE})
# A version that met one of these waits no longer.
LEFT_THE_QUEUE = HAD_ITS_TURN | {DecisionKind.CANARY_REFUSED, DecisionKind.CANARY_DROPPED}
# After one of these drift is looked for anew.
RESETS_DRIFT = frozenset(
    {DecisionKind.ROLLBACK, DecisionKind.INCONCLUSIVE, DecisionKind.DECLINED, DecisionKind.MISMATCH}
)
