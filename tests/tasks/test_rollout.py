"""What a newer challenger, a hopeless canary, a missing approval and a dry run come to; no server needed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.adapters.database import decisions, evidence, reading, requests, writing
from evergreen.adapters.database.rollouts import Rollout
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.session import iso
from evergreen.core.canary import CanaryRecord, Power, PowerPlan, QualityTest, RollbackWindow
from evergreen.core.canary.guardrails import OutputLimits
from evergreen.core.gate.verdict import Verdict
from evergreen.core.policy import CanaryPolicy
from evergreen.service.metrics import Metrics
from evergreen.service.refresh import Keeper
from evergreen.service.watch import Watch
from tasks.canary import look_at_canary
from tasks.gate import Judgement
from tasks.rollout import deliver, start_queued
from tests.conftest import enter
from tests.service.world import NOW, TICKERS, World, ready_world

MODEL = "evergreen"
WALK = Calendar("XNYS").sessions(pd.Timestamp("2008-09-15"), pd.Timestamp("2008-12-31"))
DAY = [iso(session) for session in WALK]
ROLLBACK_WINDOW = CanaryPolicy().rollback_window
SANE = OutputLimits(residual_sigma=1.0, target_low=-1.0, target_high=1.0)
IMPOSSIBLE = OutputLimits(residual_sigma=1.0, target_low=-1e-9, target_high=1e-9)
BLIND = (Power(0.0, 0.05, 0.9, 0.05, 20.0), Power(1.0, 0.1, 0.8, 0.1, 40.0))  # a loss twice as large goes unseen
HOPELESS = PowerPlan(scale=0.1, margin=0.02, t_max=60, table=BLIND, sentence="-")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Version 1 serves everybody; tasks of this process work on the same home."""
    opened = ready_world(tmp_path / "home", challenger=False)
    enter(opened.settings.home, monkeypatch)
    monkeypatch.setattr("tasks.canary.show", lambda *_: None)
    return opened


def frozen(power: PowerPlan | None = None) -> CanaryRecord:
    losses = np.exp(np.random.default_rng(3).normal(0, 0.02, (2, 120))) * 1e-4
    return CanaryRecord(limits=SANE, power=power).with_test(QualityTest(*losses))


def arrive(world: World, version: str, day: int = 0, record: CanaryRecord | None = None) -> str:
    """The gate has admitted a version against the champion of this moment; what became of it."""
    with writing(world.engine) as conn:
        request, _ = requests.request(conn, MODEL, "test", f"data of {version}", WALK[day], {}, NOW)
    admitted = Verdict(admitted=True, better=False, reasons=(), sessions=120)
    return deliver.fn(request, Judgement(version, world.rollout().champion, admitted, record or frozen()), NOW)


def settle_sessions(world: World, challenger_error: float = 0.010) -> None:
    """All sessions of WALK have come true; both versions were wrong on every ticker."""
    rows = pd.MultiIndex.from_product([WALK, TICKERS], names=["session", "ticker"]).to_frame(index=False)
    generator = np.random.default_rng(6)
    with writing(world.engine) as conn:
        for version, error in (("1", 0.010), ("2", challenger_error)):
            value = error * np.exp(generator.normal(0, 0.01, len(rows)))
            forecasts = rows.assign(version=version, value=value, feature_hash="-", made_at=NOW)
            evidence.record_forecasts(conn, forecasts)
        settled = rows.assign(horizon=1, target="return", value=0.0, known_at=NOW, data_version="data")
        evidence.record_outcomes(conn, settled)


def record_of(world: World) -> CanaryRecord:
    record = world.rollout().evidence
    assert record is not None
    return record


def window_of(world: World) -> RollbackWindow:
    window = record_of(world).window
    assert window is not None
    return window


def look(day: int, dry_run: bool = False) -> str:
    return look_at_canary.fn(WALK[day], NOW, dry_run)


def story(world: World) -> list[tuple[str, str]]:
    """Every decision since the first, as (kind, subject), oldest first."""
    with reading(world.engine) as conn:
        assert decisions.verify(conn) == []
        return [(decision.kind, decision.subject) for decision in reversed(decisions.recent(conn, MODEL))][1:]


def serves(row: Rollout) -> tuple[str, str | None, str]:
    return row.champion, row.challenger, row.stage


def approve(world: World, version: str) -> None:
    with writing(world.engine) as conn:
        decisions.append(conn, world.decision("approval", version))


def test_newer_challenger__waits_in_line_and_starts_when_the_running_canary_ends(world: World) -> None:
    arrive(world, "2")
    assert "waits" in arrive(world, "3") and "waits" in arrive(world, "3") and "waits" in arrive(world, "4")
    assert serves(world.rollout()) == ("1", "2", "shadow")
    assert start_queued.fn(DAY[1], NOW) is None, "the running one is left alone"
    world.serve_everybody("1", world.decision("rollback", "2"))
    assert start_queued.fn(DAY[2], NOW) == "version 3 went into shadow"
    assert serves(world.rollout()) == ("1", "3", "shadow") and world.rollout().stage_session == DAY[2]
    queue = [("canary_start", "2"), ("canary_queued", "3"), ("canary_queued", "4")]
    assert story(world) == [*queue, ("rollback", "2"), ("canary_start", "3")]


def test_deliver__again_after_its_canary_has_ended_starts_no_second_one(world: World) -> None:
    arrive(world, "2")
    world.serve_everybody("1", world.decision("rollback", "2"))
    assert arrive(world, "2").startswith("version 2 had its turn")
    assert serves(world.rollout()) == ("1", None, "steady")
    assert story(world) == [("canary_start", "2"), ("rollback", "2")]


def test_newer_challenger__admitted_against_a_former_champion_is_let_go_and_may_queue_again(world: World) -> None:
    arrive(world, "2")
    arrive(world, "3")
    world.serve_everybody("2", world.decision("promote", "2"))
    assert "no longer champion" in str(start_queued.fn(DAY[1], NOW))
    assert start_queued.fn(DAY[2], NOW) is None and serves(world.rollout()) == ("2", None, "steady")
    arrive(world, "4")
    assert "waits" in arrive(world, "3")
    assert story(world)[-3:] == [("canary_dropped", "3"), ("canary_start", "4"), ("canary_queued", "3")]


def test_newer_challenger__supersedes_the_running_one_where_the_setting_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERGREEN_NEWER_CHALLENGER", "supersede")
    arrive(world, "2")
    settle_sessions(world)
    look(1)
    assert world.rollout().weight == 500
    arrive(world, "3", day=2)
    row = world.rollout()
    assert serves(row) == ("1", "3", "shadow") and row.weight == 0 and row.salt == "evergreen/3"
    assert row.evidence is not None and row.evidence.looked == DAY[2]
    kinds = [("canary_start", "2"), ("canary", "2"), ("superseded", "2"), ("canary_start", "3")]
    assert story(world) == kinds


def test_hopeless_canary__is_refused_with_its_reason_whether_it_comes_first_or_waited(world: World) -> None:
    hopeless = frozen(HOPELESS)
    assert "hopeless: It would not notice" in arrive(world, "2", record=hopeless)
    arrive(world, "3")
    arrive(world, "4", record=hopeless)
    world.serve_everybody("1", world.decision("rollback", "3"))
    assert "hopeless" in str(start_queued.fn(DAY[1], NOW)) and start_queued.fn(DAY[1], NOW) is None
    assert serves(world.rollout()) == ("1", None, "steady")
    refused = [each for each in story(world) if each[0] == "canary_refused"]
    assert refused == [("canary_refused", "2"), ("canary_refused", "4")]


def test_approval__a_promotion_is_held_until_a_person_says_yes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERGREEN_PROMOTION_APPROVAL", "true")
    arrive(world, "2")
    settle_sessions(world)
    look(1)
    reason = look(2)
    assert reason.startswith("Held: ") and "evergreen canary approve" in reason
    assert serves(world.rollout()) == ("1", "2", "canary_5") and world.rollout().weight == 500
    approve(world, "3")
    assert look(3).startswith("Held: "), "another version's approval does not count"
    approve(world, "2")
    look(4)
    assert serves(world.rollout()) == ("2", None, "steady")


@pytest.mark.parametrize("who", ["the session's look", "the service's watch"])
def test_approval__a_guardrail_still_rolls_back_while_it_is_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    monkeypatch.setenv("EVERGREEN_PROMOTION_APPROVAL", "true")
    arrive(world, "2")
    settle_sessions(world)
    look(1)
    look(2)
    world.change_rollout(evidence=replace(record_of(world), limits=IMPOSSIBLE))
    if who == "the session's look":
        look(3)
    else:
        watch_once(world)
    assert serves(world.rollout()) == ("1", None, "steady") and story(world)[-1] == ("rollback", "2")


def watch_once(world: World) -> None:
    keeper = Keeper(world.store, Metrics())
    keeper.look(NOW)
    assert keeper.snapshot is not None
    Watch(world.settings, world.store).look(keeper.snapshot, NOW)


def test_dry_run__says_each_step_and_changes_nothing(world: World) -> None:
    arrive(world, "2")
    settle_sessions(world)
    for day, expected in ((1, "would go to canary_5"), (2, "would go to champion")):
        before, decided = world.rollout(), story(world)
        assert look(day, dry_run=True).startswith(expected)
        assert world.rollout() == before and story(world) == decided
        look(day)
    assert serves(world.rollout()) == ("2", None, "steady")
    assert look(3, dry_run=True) == "no canary is running"


def test_dry_run__of_a_bad_challenger_leaves_it_where_it_is(world: World) -> None:
    arrive(world, "2")
    settle_sessions(world, challenger_error=0.016)
    before = world.rollout()
    assert look(1, dry_run=True).startswith("would go to rolled_back")
    assert world.rollout() == before


def promote_through_the_canary(world: World) -> None:
    arrive(world, "2")
    settle_sessions(world)
    look(1)
    look(2)
    assert serves(world.rollout()) == ("2", None, "steady")


def test_rollback_window__the_previous_champion_comes_back_by_itself(world: World) -> None:
    promote_through_the_canary(world)
    row = world.rollout()
    window = window_of(world)
    assert (window.sessions, window.since) == (ROLLBACK_WINDOW, DAY[2])
    watch_once(world)
    assert world.rollout() == row, "a sane champion stays"
    world.change_rollout(evidence=CanaryRecord(window=replace(window, limits=IMPOSSIBLE)))
    watch_once(world)
    assert serves(world.rollout()) == ("1", None, "steady")
    assert world.rollout().previous_champion == "2" and story(world)[-1] == ("rollback", "2")


def test_rollback_window__over_it_the_service_leaves_the_champion_to_the_sessions(world: World) -> None:
    promote_through_the_canary(world)
    world.change_rollout(evidence=CanaryRecord(window=replace(window_of(world), limits=IMPOSSIBLE)))
    world.process(WALK[2 + ROLLBACK_WINDOW])
    watch_once(world)
    assert world.rollout().champion == "2"


def test_rollback_window__none_is_opened_where_the_setting_says_none(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERGREEN_ROLLBACK_WINDOW", "0")
    promote_through_the_canary(world)
    assert world.rollout().evidence is None
