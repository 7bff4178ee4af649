"""A finding and what it starts, on a database alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from evergreen.adapters.database import decisions, leases, reading, requests, rollouts, triggers, writing
from evergreen.adapters.database.rollouts import Rollout
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.session import iso
from evergreen.workspace import Workspace
from tasks.drift import DriftFinding
from tasks.reaction import decide_reaction
from tests.conftest import enter

MODEL, NOW = "evergreen", datetime(2008, 10, 31, 21, tzinfo=UTC)
SESSION = pd.Timestamp("2008-10-31")
FOUND = DriftFinding("2", "2008-10-31", "drift", "Drift.", "covariate_shift", "retrain", {"p_family": 0.005})


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Version 2 serves; nothing else has happened."""
    opened = enter(tmp_path / "home", monkeypatch)
    first = Rollout(model=MODEL, champion="2", salt="s", stage_session="2008-08-29", updated_at=NOW)
    decision = decisions.Decision(
        at=NOW, model=MODEL, kind="first_champion", as_of="2008-08-29", subject="2", summary="-"
    )
    rollouts.create(opened.engine, first, decision)
    return opened


def react(at: Workspace, after: int = 0, data: str = "d", **changes: str) -> tuple[str | None, str]:
    """The reaction to FOUND so many sessions later: the request's id, and why."""
    session = Calendar("XNYS").next(SESSION, after) if after else SESSION
    finding = replace(FOUND, as_of=iso(session), **changes)  # type: ignore[arg-type]
    reacted = decide_reaction(at, finding, f"{data}{after}", NOW + timedelta(days=after))
    return reacted.request.id if reacted.request else None, reacted.why


def end(at: Workspace, request_id: str | None, version: str = "3", won: bool = False) -> None:
    """Finish a request with a challenger that won or lost."""
    claimed = leases.claim(at.engine, str(request_id), "run", NOW, timedelta(hours=1))
    leases.finish(at.engine, claimed, "done", NOW, version=version, verdict="judged")
    if won:
        decision = decisions.Decision(
            at=NOW, model=MODEL, kind="promote", as_of=claimed.as_of, subject=version, summary="it won"
        )
        with writing(at.engine) as conn:
            decisions.append(conn, decision)


def kinds(at: Workspace) -> list[str]:
    with reading(at.engine) as conn:
        assert decisions.verify(conn) == []
        return [decision.kind for decision in reversed(decisions.recent(conn, MODEL))]


def test_finding__leads_to_one_request_however_often_its_session_is_processed(at: Workspace) -> None:
    first, why = react(at)
    assert first is not None
    assert first in why
    end(at, first)
    assert react(at)[0] == first
    assert kinds(at) == ["first_champion", "drift", "retrain_requested"]


def test_finding__is_undone_with_its_request(at: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tasks.reaction.decide_request", dies)
    with pytest.raises(KeyboardInterrupt):
        react(at)
    assert kinds(at) == ["first_champion"]
    with reading(at.engine) as conn:
        assert requests.recent(conn, MODEL) == []


def test_finding__waits_while_a_retraining_is_open(at: Workspace) -> None:
    react(at)
    assert react(at, after=5) == (None, "A retraining is under way already.")


def test_finding__waits_while_a_canary_runs(at: Workspace) -> None:
    with reading(at.engine) as conn:
        rollout = rollouts.current(conn, MODEL)
    decision = decisions.Decision(
        at=NOW, model=MODEL, kind="canary_start", as_of="2008-10-01", subject="3", summary="-"
    )
    rollouts.change(at.engine, rollout, decision, challenger="3", stage="shadow")
    request, why = react(at)
    assert request is None
    assert "canary" in why


def test_findings_in_a_row__wait_longer_after_each_retraining_that_won_nothing(at: Workspace) -> None:
    started = []
    for after in range(0, 200, 5):
        request, why = react(at, after=after)
        if request:
            started.append(after)
            end(at, request, version=f"{after + 3}")
        else:
            assert "are waited" in why
    assert started == [0, 40, 120]
    with reading(at.engine) as conn:
        assert [one.request.generation for one in triggers.triggers(conn, MODEL)] == [2, 1, 0]


def test_finding__after_a_winner_waits_the_plain_cooldown(at: Workspace) -> None:
    end(at, react(at)[0], won=True)
    assert react(at, after=15)[0] is None
    request, _ = react(at, after=20)
    with reading(at.engine) as conn:
        assert requests.read(conn, str(request)).generation == 0


def test_finding__that_asks_for_no_retraining_is_only_written_down(at: Workspace) -> None:
    request, why = react(at, cause="vendor_fault", reaction="block")
    assert request is None
    assert "block" in why
    assert kinds(at) == ["first_champion", "drift"]


def test_ledger__tells_what_became_of_each_retraining(at: Workspace) -> None:
    end(at, react(at)[0], version="3", won=True)
    end(at, react(at, after=30)[0], version="4")
    react(at, after=100)
    with reading(at.engine) as conn:
        known = triggers.triggers(conn, MODEL)
    assert [trigger.fate for trigger in known] == ["open", "lost", "won"]
    summary = triggers.summary(known, 110)
    assert summary.startswith("3 retrainings started by findings in 110 sessions (1 open, 1 lost, 1 won)")
    assert summary.endswith("a calendar of 20 sessions would have started 5")
