"""The ledger of triggered retrainings, as a person reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from evergreen.adapters.database import ledger, reading, triggers
from evergreen.adapters.database.triggers import CALENDAR, Trigger
from evergreen.workspace import Workspace, workspace
from tasks.artifacts import show, table
from tasks.decorators import effect


@effect
def show_triggers() -> str:
    """For every retraining that a finding started: did its challenger win, and what would a calendar have done?"""
    at = workspace()
    with reading(at.engine) as conn:
        started = triggers.triggers(conn, at.settings.model_name)
        known = ledger.sessions(conn, at.settings.model_name, triggers.EVERYTHING)
    summary = triggers.summary(started, max(0, len(known) - 1))
    print(summary)
    show("triggers", "Retrainings started by findings", summary, table(trigger_rows(at, started, known)))
    return summary


def trigger_rows(
    at: Workspace, started: Sequence[Trigger], known: Sequence[ledger.ProcessedSession]
) -> list[dict[str, Any]]:
    """One row for each retraining, oldest first; `calendar` says how long a calendar would have let it wait.

    The calendar begins at the session that closed the backfill and retrains every 20 sessions.
    """
    if not known:
        return []
    begun = pd.Timestamp(known[-1].as_of)
    return [
        {
            "session": trigger.request.as_of,
            "cause": trigger.request.cause,
            "in a row": trigger.request.generation,
            "version": trigger.request.version or "",
            "its challenger": trigger.fate,
            "a calendar": _calendar(at.calendar.between(begun, pd.Timestamp(trigger.request.as_of))),
            "what became of it": trigger.request.verdict or trigger.request.state,
        }
        for trigger in reversed(started)
    ]


def _calendar(age: int) -> str:
    waits = -age % CALENDAR
    return f"{waits} sessions later" if waits else "the same session"
