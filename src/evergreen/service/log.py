"""Group commit: many waiting requests are settled together, and none is answered before that is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from evergreen.errors import EvergreenError, Unavailable

Question = TypeVar("Question")
Answer = TypeVar("Answer")

CAPACITY = 4_096
BATCH = 256
LINGER = 0.001


class GroupCommit(Generic[Question, Answer]):
    """Hands waiting questions, in batches, to `settle` on one thread of its own.

    `settle` returns one outcome per question, in order: an answer, or the error to raise for it. It returns
    only after everything an answer promises is durable. While one batch is being settled the next one
    gathers, so a commit to disk is shared by all who wait for it. As many as were under way a moment ago are
    waited for, `linger` seconds at most: answered clients that ask again then share one commit instead of
    taking turns, and a lone client never waits.

    At most `capacity` questions wait at once; beyond that `ask` raises `Unavailable` without waiting.
    """

    def __init__(
        self,
        settle: Callable[[Sequence[Question]], Sequence[Answer | EvergreenError]],
        capacity: int = CAPACITY,
        batch: int = BATCH,
        linger: float = LINGER,
    ) -> None:
        self._settle = settle
        self._capacity = capacity
        self._batch = batch
        self._linger = linger
        self._enough = 1
        self._waiting: list[tuple[Question, asyncio.Future[Answer]]] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prediction-log")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin settling, on the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def ask(self, question: Question) -> Answer:
        """The answer to `question`, once its batch is settled.

        Raises:
            Unavailable: too many wait already, the service is stopping, or the batch could not be settled.
        """
        if self._closing:
            raise Unavailable("The service is stopping.", "Ask again in a few seconds.")
        if len(self._waiting) >= self._capacity:
            raise Unavailable(f"{self._capacity} requests already wait.", "Ask again in a second.")
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        if len(self._waiting) >= self._enough:
            self._wake.set()
        return await future

    async def close(self) -> None:
        """Settle everyone who still waits, then end the thread."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task
        self._thread.shutdown(wait=True)

    async def _run(self) -> None:
        loop, crowd = asyncio.get_running_loop(), 1
        while self._waiting or not self._closing:
            await self._gather(crowd)
            batch, self._waiting = self._waiting[: self._batch], self._waiting[self._batch :]
            if not batch:
                crowd = 1
                continue
            work = loop.run_in_executor(self._thread, self._settle, [question for question, _ in batch])
            await asyncio.wait([work])
            crowd = min(len(batch) + len(self._waiting), self._batch)
            _deliver([future for _, future in batch], work)

    async def _gather(self, crowd: int) -> None:
        """Wait until `crowd` questions wait; with more than one expected, no longer than the linger."""
        if len(self._waiting) >= crowd or self._closing:
            return
        self._enough = crowd
        self._wake.clear()
        timer = asyncio.get_running_loop().call_later(self._linger, self._wake.set) if crowd > 1 else None
        await self._wake.wait()
        self._enough = 1
        if timer is not None:
            timer.cancel()


def _deliver(
    futures: Sequence[asyncio.Future[Answer]], work: asyncio.Future[Sequence[Answer | EvergreenError]]
) -> None:
    failure = work.exception()
    outcomes = [failure] * len(futures) if failure is not None else work.result()
    for future, outcome in zip(futures, outcomes, strict=True):
        if future.done():  # its client went away
            continue
        if isinstance(outcome, BaseException):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
