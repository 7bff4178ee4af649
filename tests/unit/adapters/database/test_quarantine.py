from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import Engine

from evergreen.adapters.database import decisions, quarantine, reading, writing
from evergreen.adapters.database.decisions import Decision
from evergreen.adapters.database.quarantine import Case
from evergreen.errors import Conflict, NotFound


@pytest.fixture
def case(now: datetime) -> Case:
    return Case(
        id="c1",
        opened_at=now,
        as_of="2008-09-15",
        source="sample",
        ticker="AAPL",
        first_session="2008-09-12",
        last_session="2008-09-15",
        bars=2,
        findings=[{"rule": "not_finite", "value": "nan"}],
    )


def decided(case: Case, now: datetime) -> Decision:
    return Decision(at=now, model="m", kind="quarantine", as_of=case.as_of, subject=case.id, summary="released")


def test_open_cases__the_same_bars_again_open_nothing_even_when_closed(engine: Engine, case: Case) -> None:
    again = replace(case, opened_at=case.opened_at.replace(year=2009))
    with writing(engine) as conn:
        quarantine.open_cases(conn, [case])
        quarantine.open_cases(conn, [again])
        assert quarantine.unsettled(conn) == [case]
        quarantine.close(conn, case, "released", "checked", decided(case, case.opened_at))
        quarantine.open_cases(conn, [again])
        assert quarantine.unsettled(conn) == []


def test_held__are_those_of_the_tickers_oldest_first(engine: Engine, case: Case) -> None:
    older = replace(case, id="c0", first_session="2008-09-01")
    other = replace(case, id="c2", ticker="IBM")
    with writing(engine) as conn:
        quarantine.open_cases(conn, [case, other, older])
    with reading(engine) as conn:
        assert quarantine.unsettled(conn) == [older, case, other]
        assert quarantine.unsettled(conn, ["AAPL"]) == [older, case]
        assert quarantine.unsettled(conn, []) == []


def test_close__is_decided_once_and_stands_in_the_chain(engine: Engine, case: Case) -> None:
    with writing(engine) as conn:
        quarantine.open_cases(conn, [case])
    with writing(engine) as conn:
        quarantine.close(conn, case, "repaired", "a digit was lost", decided(case, case.opened_at))
    with pytest.raises(Conflict, match="was repaired before: a digit was lost"), writing(engine) as conn:
        quarantine.close(conn, case, "released", "again", decided(case, case.opened_at))
    with reading(engine) as conn:
        closed = quarantine.find(conn, "c1")
        assert (closed.state, closed.reason, closed.closed_at) == ("repaired", "a digit was lost", case.opened_at)
        assert quarantine.cases(conn) == [closed]
        assert [decision.kind for decision in decisions.of(conn, "c1")] == ["quarantine"]
        assert decisions.verify(conn) == []
        with pytest.raises(NotFound, match="no quarantine case 'c9'"):
            quarantine.find(conn, "c9")
