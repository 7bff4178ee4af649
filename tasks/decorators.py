"""What a Prefect task adds to a function that works without it: a name, retries by error type, no result cache."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.assets import Asset
from prefect.cache_policies import NO_CACHE
from prefect.context import AssetContext
from prefect.tasks import MaterializingTask

from evergreen.core.bars.session import iso
from evergreen.errors import Transient

P = ParamSpec("P")
R = TypeVar("R")
DELAYS = [1.0, 5.0]  # seconds before a second and a third try: a server that starts again is back by then


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
    return task(
        cache_policy=NO_CACHE,
        task_run_name=name_run(function),
        retries=len(DELAYS),
        retry_delay_seconds=DELAYS,
        retry_condition_fn=is_transient,
    )(function)


def making(asset: Asset, *sources: Asset) -> Callable[[Callable[P, R]], MaterializingTask[P, R]]:
    """An effect whose runs make `asset` from `sources` and nothing else: the server is told, also when one fails."""

    def decorate(function: Callable[P, R]) -> MaterializingTask[P, R]:
        return MaterializingTask(
            from_declared_sources(function),
            assets=[asset],
            asset_deps=list(sources),
            cache_policy=NO_CACHE,
            task_run_name=name_run(function),
            retries=len(DELAYS),
            retry_delay_seconds=DELAYS,
            retry_condition_fn=is_transient,
            log_prints=None,  # as the flow says: this class's default keeps what is printed out of the log
        )

    return decorate


def from_declared_sources(function: Callable[P, R]) -> Callable[P, R]:
    """The function, whose run forgets what Prefect took for a source because of the arguments' identity.

    An id, or a version such as "1", is the same object in many results: the model would be told to be made of itself.
    """

    @wraps(function)
    def making_run(*args: P.args, **kwargs: P.kwargs) -> R:
        if run := AssetContext.get():
            run.upstream_assets.clear()
        return function(*args, **kwargs)

    return making_run
