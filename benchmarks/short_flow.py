"""A flow run of a few seconds that leaves many marks in the server's database: three tasks, an event each, logs."""

from __future__ import annotations

from prefect import flow, get_run_logger, task
from prefect.events import emit_event

STEPS = 3


@task
def step(number: int) -> int:
    """One task run, with an event and a line of log."""
    get_run_logger().info("step %d", number)
    emit_event("evergreen.benchmark.step", {"prefect.resource.id": f"evergreen.step.{number}"})
    return number


@flow(log_prints=True)
def short() -> int:
    """Several task runs at once."""
    return sum(future.result() for future in [step.submit(number) for number in range(STEPS)])
