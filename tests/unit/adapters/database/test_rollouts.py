from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from evergreen.adapters.database import decisions, reading, rollouts, writing
from evergreen.adapters.database.decisions import Decision
from evergreen.adapters.database.rollouts import Rollout
from evergreen.core.canary import CanaryRecord
from evergreen.errors import BadInput, RolloutConflict

Decide = Callable[..., Decision]


@pytest.fixture
def start(engine: Engine, decided: Decide, now: datetime) -> Rollout:
    first = Rollout(model="m", champion="1", salt="s", stage_session="2008-09-15", updated_at=now)
    return rollouts.create(engine, first, decided("1"))


def on_record(engine: Engine) -> tuple[Rollout | None, int]:
    with reading(engine) as conn:
        return rollouts.read(conn, "m"), len(decisions.recent(conn, "m"))


def test_read__nothing_before_the_first_champion(engine: Engine) -> None:
    assert on_record(engine) == (None, 0)


def test_create__is_on_record_with_its_decision(engine: Engine, start: Rollout) -> None:
    assert on_record(engine) == (start, 1)


def test_create__second_one_for_a_model_is_refused(engine: Engine, start: Rollout, decided: Decide) -> None:
    with pytest.raises(RolloutConflict, match="is at version 1, the change expected none"):
        rollouts.create(engine, start, decided("1"))
    assert on_record(engine) == (start, 1)


def test_change__goes_through_a_whole_canary_and_back_reads_equal(
    engine: Engine, start: Rollout, decided: Decide
) -> None:
    shadow = rollouts.change(
        engine, start, decided(), challenger="2", stage="shadow", evidence=CanaryRecord(started="2008-09-15")
    )
    canary = rollouts.change(engine, shadow, decided(), stage="canary_5", weight=500)
    promoted = rollouts.change(
        engine,
        canary,
        decided(),
        champion="2",
        previous_champion="1",
        challenger=None,
        stage="steady",
        weight=0,
        evidence=None,
    )
    assert [row.version for row in (shadow, canary, promoted)] == [2, 3, 4]
    assert on_record(engine) == (promoted, 4)


def test_change__late_one_is_refused_and_leaves_no_trace(engine: Engine, start: Rollout, decided: Decide) -> None:
    moved = rollouts.change(engine, start, decided(), challenger="2", stage="shadow")
    with pytest.raises(RolloutConflict, match="is at version 2, the change expected 1"):
        rollouts.change(engine, start, decided(), challenger="3", stage="shadow")
    assert on_record(engine) == (moved, 2)


def test_change__of_a_model_without_rollout_is_refused(engine: Engine, decided: Decide, now: datetime) -> None:
    unknown = Rollout(model="x", champion="1", salt="s", stage_session="2008-09-15", updated_at=now)
    with pytest.raises(RolloutConflict, match="is at version none"):
        rollouts.change(engine, unknown, decided(), champion="2")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stage": "shadow"}, "stage shadow and challenger None"),
        ({"challenger": "2"}, "stage steady and challenger 2"),
        ({"stage": "shadow", "challenger": "1"}, "1 as champion and as challenger"),
        ({"stage": "shadow", "challenger": "2", "weight": 500}, "stage shadow and weight 500"),
        ({"stage": "canary_5", "challenger": "2", "weight": 10_001}, "weight 10001"),
    ],
)
def test_change__to_a_rollout_that_makes_no_sense_is_refused(
    engine: Engine, start: Rollout, decided: Decide, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        rollouts.change(engine, start, decided(), **changes)
    assert on_record(engine) == (start, 1)


@pytest.mark.parametrize("nonsense", ["stage = 'shadow'", "weight = -1", "champion = NULL", "challenger = '2'"])
def test_rollout__nonsense_written_past_the_code_is_refused_too(engine: Engine, start: Rollout, nonsense: str) -> None:
    with pytest.raises(IntegrityError), writing(engine) as conn:
        conn.exec_driver_sql(f"UPDATE rollout SET {nonsense}")
    assert on_record(engine) == (start, 1)


def test_change__decision_that_cannot_be_kept_undoes_the_change(
    engine: Engine, start: Rollout, decided: Decide
) -> None:
    with pytest.raises(TypeError):
        rollouts.change(engine, start, decided(odd=object()), challenger="2", stage="shadow")
    assert on_record(engine) == (start, 1)
