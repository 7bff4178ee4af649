"""Walks one after another, over processes of this machine, or over the workers of a Dask scheduler."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from evergreen.adapters.infra.pool import SPAWNED, processes
from evergreen.replay.jobs import Job, Progress, Row, Setting, is_walked, opened, walk

PIECE = 10  # models fitted ahead by one process before it looks for other work


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
        ahead = client.map(partial(_fit, setting), fitted_ahead(setting, jobs), pure=False)
        futures = client.map(partial(_silently, setting), jobs, pure=False)
        for future in as_completed(futures):
            sessions = len(future.result().sessions)
            progress(jobs[futures.index(future)].policy.name, sessions, sessions)
        client.gather(ahead)
        rows: list[Row] = client.gather(futures)
    return rows


def _silently(setting: Setting, job: Job) -> Row:
    return walk(setting, job, lambda what, walked, of: None)


def _in_processes(setting: Setting, jobs: Sequence[Job], workers: int, progress: Progress) -> list[Row]:
    messages = SPAWNED.SimpleQueue()
    with processes(workers, _tell_by, messages) as pool:
        seeking, others = begun_in_order(jobs)
        futures = {job: pool.submit(_telling, setting, job) for job in seeking}
        ahead = [pool.submit(_fit, setting, sessions) for sessions in fitted_ahead(setting, jobs)]
        futures |= {job: pool.submit(_telling, setting, job) for job in others}
        _listen([*futures.values(), *ahead], messages, progress)
        return [futures[job].result() for job in jobs]


def begun_in_order(jobs: Sequence[Job]) -> tuple[list[Job], list[Job]]:
    """The walks that look for findings, and the others.

    The former ask for the record of each of their models, a fit a fold, when they find something: long, and nobody can
    help them. The others' models are fitted by whoever is free before they walk (`fitted_ahead`); one that looks ahead
    comes last.
    """
    ordered = sorted(jobs, key=lambda job: (job.policy.hindsight, -len(job.policy.trigger.findings)))
    seeking = [job for job in ordered if job.policy.trigger.findings]
    return seeking, [job for job in ordered if job not in seeking]


def fitted_ahead(setting: Setting, jobs: Sequence[Job]) -> list[list[int]]:
    """The sessions whose models walks by the calendar will ask for, in pieces for any process to fit."""
    sessions = sorted({session for job in jobs if not is_walked(setting, job) for session in job.planned})
    return [sessions[start : start + PIECE] for start in range(0, len(sessions), PIECE)]


def _fit(setting: Setting, sessions: Sequence[int]) -> None:
    models = opened(setting)
    models.fits.make([models.market.known(session) for session in sessions])


_messages: Any = None  # of a process of the pool: where it tells how far it is


def _tell_by(messages: Any) -> None:
    global _messages
    _messages = messages


def _telling(setting: Setting, job: Job) -> Row:
    return walk(setting, job, lambda what, walked, of: _messages.put((what, walked, of)))


def _listen(futures: Sequence[Future[Any]], messages: Any, progress: Progress) -> None:
    """Pass on what the processes tell until all of them have ended; the first failure ends the wait."""
    while not all(future.done() for future in futures):
        if any(future.done() and future.exception() for future in futures):
            return
        while not messages.empty():
            progress(*messages.get())
        time.sleep(0.2)
