"""Long walks begin first, whatever order they are asked for in."""

from __future__ import annotations

from evergreen.replay.jobs import Job
from evergreen.replay.plan import shipped
from evergreen.replay.spreading import begun_in_order


def test_begun_in_order__records_first_and_hindsight_last() -> None:
    asked_for = ("oracle", "never", "calendar:20", "skill", "default")
    jobs = [Job(policy, 1, 2, (), 7) for policy in shipped(asked_for)]
    names = [job.policy.name for job in begun_in_order(jobs)]
    assert names == ["default", "skill", "never", "calendar:20", "oracle"]
