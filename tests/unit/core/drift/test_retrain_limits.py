from __future__ import annotations

from evergreen.core.drift import Limits, Triggered, hold_back, next_generation


def test_guard__first_finding_may_start() -> None:
    assert hold_back([]) == ""
    assert next_generation([]) == 0


def test_guard__waits_longer_after_each_retraining_that_won_nothing() -> None:
    waited, past = [], [Triggered(0, 0, won=False)]
    for _ in range(4):
        ago = next(ago for ago in range(1, 1_000) if not hold_back([Triggered(ago, past[0].generation, won=False)]))
        waited.append(ago)
        past = [Triggered(0, next_generation(past), won=False)]
    assert waited == [40, 80, 160, 320]


def test_guard__a_winner_ends_the_row() -> None:
    past = [Triggered(20, 3, won=True), Triggered(90, 2, won=False)]
    assert next_generation(past) == 0
    assert hold_back(past) == ""
    assert "19 sessions ago, 20" in hold_back([Triggered(19, 3, won=True)])


def test_guard__no_more_than_so_many_a_month_whatever_they_won() -> None:
    past = [Triggered(2, 0, won=True), Triggered(9, 0, won=True)]
    limits = Limits(cooldown=1, most_a_month=2)
    assert "2 retrainings in the last 21 sessions" in hold_back(past, limits)
    assert hold_back([past[0], Triggered(21, 0, won=True)], limits) == ""


def test_guard__a_loop_of_findings_every_week_stays_rare() -> None:
    past: list[Triggered] = []
    started = 0
    for _ in range(50):
        past = [Triggered(one.sessions_ago + 5, one.generation, one.won) for one in past]
        if not hold_back(past):
            started += 1
            past = [Triggered(0, next_generation(past), won=False), *past]
    assert started == 3
