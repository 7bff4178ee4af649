"""Where delivery stands, read from the tables for the function that decides.

Sessions are counted from the one a run stands at: it is 0, earlier ones are negative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pandas as pd
from sqlalchemy import Connection

from evergreen.adapters.database import decisions, ledger, requests, rollouts, triggers
from evergreen.adapters.database.decisions import RecordedDecision
from evergreen.adapters.database.rollouts import Rollout
from evergreen.adapters.database.triggers import Trigger
from evergreen.core.bars.calendar import Calendar
from evergreen.core.canary import CanaryRecord
from evergreen.core.policy import (
    HAD_ITS_TURN,
    LEFT_THE_QUEUE,
    RESETS_DRIFT,
    DecisionKind,
    DeliveryState,
    Retraining,
    Waiting,
)

NOW = 0  # the number of the session a run stands at

Count = Callable[[str], int]


def serving_state(row: Rollout, calendar: Calendar, session: pd.Timestamp) -> DeliveryState:
    """What the rollout alone says, as seen from `session`: who serves, and how the running canary stands."""
    count = _count_from(calendar, session)
    record = row.evidence or CanaryRecord()
    return DeliveryState(
        champion=row.champion,
        challenger=row.challenger,
        previous_champion=row.previous_champion,
        stage=row.stage,
        weight=row.weight,
        stage_session=count(row.stage_session),
        looked=count(record.looked) if record.looked and row.challenger else None,
        window_end=count(record.window.since) + record.window.sessions if record.window else None,
    )


def read_state(conn: Connection, model: str, calendar: Calendar, session: pd.Timestamp) -> DeliveryState:
    """All of it, as seen from `session`, without what that session itself has started.

    Raises:
        NotFound: the model has no champion yet.
    """
    count = _count_from(calendar, session)
    trained = [count(version.as_of) for version in ledger.model_versions(conn, model)]
    ended = [count(decision.as_of) for decision in decisions.of_kinds(conn, model, RESETS_DRIFT)]
    known = triggers.triggers(conn, model)
    turns = decisions.of_kinds(conn, model, HAD_ITS_TURN)
    return replace(
        serving_state(rollouts.current(conn, model), calendar, session),
        queue=tuple(map(waiting, queued(conn, model))),
        turns={decision.subject: decision.as_of for decision in reversed(turns)},
        retrainings=tuple(_retrainings(known, count)),
        retraining=any(request.state in ("pending", "running") for request in requests.recent(conn, model)),
        last_trained=max(trained, default=None),
        last_reset=max((number for number in (*trained, *ended) if number < NOW), default=None),
    )


def queued(conn: Connection, model: str) -> list[RecordedDecision]:
    """The decisions that let a version wait for the running canary to end, and are still open, oldest first."""
    return decisions.open_since(conn, model, DecisionKind.CANARY_QUEUED, LEFT_THE_QUEUE)


def waiting(decision: RecordedDecision) -> Waiting:
    """Who waits by such a decision."""
    power = frozen_record(decision).power
    champion = str(decision.evidence["champion"])
    return Waiting(decision.subject, champion, power.refusal if power else "", power.sentence if power else "")


def frozen_record(decision: RecordedDecision) -> CanaryRecord:
    """By what the canary of a version that waits is to be judged."""
    return CanaryRecord.from_json(decision.evidence["frozen"])


def _count_from(calendar: Calendar, session: pd.Timestamp) -> Count:
    return lambda as_of: calendar.between(session, pd.Timestamp(as_of))


def _retrainings(known: Iterable[Trigger], count: Count) -> Iterable[Retraining]:
    for trigger in known:
        request, number = trigger.request, count(trigger.request.as_of)
        if number < NOW:
            yield Retraining(number, request.generation, request.version or "", trigger.fate == "won")
