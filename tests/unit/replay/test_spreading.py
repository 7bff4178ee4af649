"""Long walks begin first, whatever order they are asked for in, and what a calendar trains is fitted ahead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from evergreen.replay.jobs import Job
from evergreen.replay.plan import Replay, shipped
from evergreen.replay.run import replay
from evergreen.replay.spreading import PIECE, begun_in_order
from tests.unit.replay.conftest import policies


def test_begun_in_order__records_first_and_hindsight_last() -> None:
    asked_for = ("oracle", "never", "calendar:20", "skill", "default")
    jobs = [Job(policy, 1, 2, (), 7) for policy in shipped(asked_for)]
    seeking, others = begun_in_order(jobs)
    assert [job.policy.name for job in seeking] == ["default", "skill"]
    assert [job.policy.name for job in others] == ["never", "calendar:20", "oracle"]


def test_planned__are_the_sessions_at_which_a_calendar_trains(plan: Replay) -> None:
    (calendar,) = policies("calendar:20")
    replayed = replay(replace(plan, policies=(calendar,)))
    walked = replayed.sessions["session"]
    first, *later = sorted(replayed.decisions["trained_through"].dropna().unique())
    planned = Job(calendar, 1, len(walked), (), 7).planned
    assert planned[0] == 0 and first < walked[0]
    assert later == [walked[number - 1] for number in planned[1:]]


def test_fitted_ahead__is_what_one_process_fits_and_nothing_else(plan: Replay) -> None:
    every = replace(plan, policies=policies("calendar:4", "oracle", "never"))
    fits = [{path.name for path in (run.cache / "fits").glob("*.npz")} for run in _walked_by(every, 1, 2)]
    assert fits[0] == fits[1] and len(fits[0]) > PIECE


def _walked_by(plan: Replay, *workers: int) -> Iterator[Replay]:
    for number in workers:
        run = replace(plan, workers=number, out=plan.out / str(number))
        replay(run)
        yield run
