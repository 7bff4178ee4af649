"""Fits side by side in this process: each lets go of the interpreter while it works, and none hears of the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


def spread(work: Callable[[Job], Result], jobs: Iterable[Job], threads: int) -> Iterator[Result]:
    """What `work` makes of each job, in their order, so many at a time; 0: one for each processor it may use.

    Whoever takes no more of them, or meets the error of one, ends those that have not begun.
    """
    pool = ThreadPoolExecutor(threads or len(os.sched_getaffinity(0)))
    try:
        yield from pool.map(work, jobs)
    finally:
        pool.shutdown(cancel_futures=True)
