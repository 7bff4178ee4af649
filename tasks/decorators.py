"""What a Prefect task adds to a function that works without it: a name, retries by error type, no result cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE

from evergreen.core.bars.session import iso
from evergreen.errors import Transient

P = ParamSpec("P")
R = TypeVar("R")


def is_transient(_task: Any, _run: Any, state: Any) -> bool:
    """Retry only what may heal by itself: errors of type `Transient`."""
    return isinstance(state.result(raise_on_failure=False), Transient)


def name_run(function: Callable[..., Any]) -> Callable[..., str]:
    """What a run of the task is called: what it does, and the session or request it does it for, if it has one."""
    verb = function.__name__.replace("_", " ")

    def named(parameters: dict[str, Any]) -> str:
        return " ".join([verb, *_subject(parameters)])

    return named


def _subject(parameters: dict[str, Any]) -> list[str]:
    if request := parameters.get("request"):
        return [request.cause, request.as_of]
    if delivery := parameters.get("delivery"):
        return [delivery.last]
    days = [value for name in ("session", "as_of", "last", "until") if (value := parameters.get(name))]
    return [iso(days[0])] if days else []


def effect(function: Callable[P, R]) -> Task[P, R]:
    """A task that changes something outside: never cached, retried twice when the failure is transient."""
    decorate = task(
        cache_policy=NO_CACHE,
        task_run_name=name_run(function),
        retries=2,
        retry_delay_seconds=[1.0, 5.0],
        retry_condition_fn=is_transient,
    )
    return decorate(function)
