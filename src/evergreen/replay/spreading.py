"""Walks one after another, over processes of this machine, or over the workers of a Dask scheduler."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from evergreen.adapters.infra.pool import SPAWNED, processes
from evergreen.replay.jobs import Job, Progress, Row, Setting, walk


def walk_all(setting: Setting, jobs: Sequence[Job], workers: int, dask_address: str, progress: Progress) -> list[Row]:
    """Every job's row, in order; where they are walked does not change them."""
    if dask_address:
        return _on_cluster(dask_address, setting, jobs, progress)
    if workers > 1:
        return _in_processes(setting, jobs, workers, progress)
    return [walk(setting, job, progress) for job in jobs]


def _on_cluster(address: str, setting: Setting, jobs: Sequence[Job], progress: Progress) -> list[Row]:
    """By workers that see the same folder; of each walk its end is told."""
    from distributed import as_completed

    from evergreen.adapters.cluster.client import connected

    with connected(address) as client:
        futures = client.map(partial(_silently, setting), jobs, pure=False)
        for future in as_completed(futures):
            sessions = len(future.result().sessions)
            progress(jobs[futures.index(future)].policy.name, sessions, sessions)
        rows: list[Row] = client.gather(futures)
    return rows


def _silently(setting: Setting, job: Job) -> Row:
    return walk(setting, job, lambda what, walked, of: None)


def _in_processes(setting: Setting, jobs: Sequence[Job], workers: int, progress: Progress) -> list[Row]:
    messages = SPAWNED.SimpleQueue()
    with processes(workers, _tell_by, messages) as pool:
        futures = {job: pool.submit(_telling, setting, job) for job in begun_in_order(jobs)}
        _listen(list(futures.values()), messages, progress)
        return [futures[job].result() for job in jobs]


def begun_in_order(jobs: Sequence[Job]) -> list[Job]:
    """Long walks first, so that no process is left with one while the others rest.

    A policy that looks for findings asks for the record of each of its models, a fit a fold. One that looks ahead comes
    last, when the models that it shares with another have been fitted.
    """
    return sorted(jobs, key=lambda job: (job.policy.hindsight, -len(job.policy.trigger.findings)))


_messages: Any = None  # of a process of the pool: where it tells how far it is


def _tell_by(messages: Any) -> None:
    global _messages
    _messages = messages


def _telling(setting: Setting, job: Job) -> Row:
    return walk(setting, job, lambda what, walked, of: _messages.put((what, walked, of)))


def _listen(futures: Sequence[Future[Row]], messages: Any, progress: Progress) -> None:
    """Pass on what the processes tell until all of them have ended; the first failure ends the wait."""
    while not all(future.done() for future in futures):
        if any(future.done() and future.exception() for future in futures):
            return
        while not messages.empty():
            progress(*messages.get())
        time.sleep(0.2)
