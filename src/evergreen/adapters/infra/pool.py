"""Processes that share work, none of which outlives the one that started them."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Container, Iterator
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier
from typing import Any

from evergreen.adapters.infra.ending import end_with_parent
from evergreen.errors import Unavailable

SPAWNED = multiprocessing.get_context("spawn")  # a fork would take LightGBM's threads along


@contextmanager
def processes(workers: int, begin: Callable[..., None], *given: Any) -> Iterator[ProcessPoolExecutor]:
    """So many processes, each of which calls `begin(*given)` first; a signal or an error ends all of them at once.

    Raises:
        Unavailable: one of them was killed.
    """
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, SPAWNED, _begin, (SPAWNED.Barrier(workers), begin, *given))
    try:
        with ExitStack() as undone:
            undone.callback(_kill_all_but, others)
            # a pool sees the end of those alone that were there when it last looked: all of them before any work
            wait([pool.submit(os.getpid) for _ in range(workers)])
            yield pool
            undone.pop_all()
    except BrokenProcessPool:
        hint = "Run it again, it goes on where it stopped; with fewer --workers if memory ran out."
        raise Unavailable("A process of several was killed.", hint) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _kill_all_but(others: Container[BaseProcess]) -> None:
    for each in multiprocessing.active_children():
        if each not in others:
            each.kill()


def _begin(all_there: Barrier, begin: Callable[..., None], *given: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of them; the one that started them decides
    end_with_parent()
    all_there.wait()
    begin(*given)
