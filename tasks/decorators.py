"""What a Prefect task adds to a function that works without it: retries by error type, and no result cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE

from evergreen.errors import Transient

P = ParamSpec("P")
R = TypeVar("R")


def is_transient(_task: Any, _run: Any, state: Any) -> bool:
    """Retry only what may heal by itself: errors of type `Transient`."""
    return isinstance(state.result(raise_on_failure=False), Transient)


def effect(function: Callable[P, R]) -> Task[P, R]:
    """A task that changes something outside: never cached, retried twice when the failure is transient."""
    decorate = task(
        cache_policy=NO_CACHE,
        retries=2,
        retry_delay_seconds=[1.0, 5.0],
        retry_condition_fn=is_transient,
    )
    return decorate(function)
