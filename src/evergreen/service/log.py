"""Group commit: many waiting requests are settled together, and none is answered before that is done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from evergreen.errors import EvergreenError, Unavailable

Question = TypeVar("Question")
Answer = TypeVar("Answer")

CAPACITY = 4_096  # questions; at 4,000 a second the last of them waits for a second
DEADLINE = 5.0  # seconds for a batch, which takes milliseconds: then somebody else holds the database
BATCH = 256  # questions that share one commit: more take longer than the disk does
FRESH = 1.0  # seconds: a probe more often than this tells nothing new
LINGER = 0.001  # seconds; what a commit to disk costs is not worth more waiting


class GroupCommit(Generic[Question, Answer]):
    """Hands waiting questions, in batches, to `settle` on one thread of its own.

    `settle` returns one outcome per question, in order: an answer, or the error to raise for it. It returns
    only after everything an answer promises is durable. While one batch is being settled the next one
    gathers, so a commit to disk is shared by all who wait for it. As many as were under way a moment ago are
    waited for, `linger` seconds at most: answered clients that ask again then share one commit instead of
    taking turns, and a lone client never waits.

    At most `capacity` questions wait at once; beyond that `ask` raises `Unavailable` without waiting. A batch that
    takes longer than `deadline` seconds is given up on: all who wait hear `Unavailable`, and so does at once whoever
    asks before the thread is back. What it puts on record after all was answered to nobody.
    """

    def __init__(
        self,
        settle: Callable[[Sequence[Question]], Sequence[Answer | EvergreenError]],
        capacity: int = CAPACITY,
        batch: int = BATCH,
        linger: float = LINGER,
        deadline: float = DEADLINE,
    ) -> None:
        self._settle = settle
        self._capacity = capacity
        self._batch = batch
        self._linger = linger
        self._deadline = deadline
        self._overdue: asyncio.TimerHandle | None = None
        self._held = False  # the batch under way is past its deadline
        self._enough = 1  # questions worth a commit
        self._waiting: list[tuple[Question, asyncio.Future[Answer]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._settling = False
        self._settled_at = float("-inf")
        self._closing = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prediction-log")
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin settling, on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._consider()

    async def ask(self, question: Question) -> Answer:
        """The answer to `question`, once its batch is settled.

        Raises:
            Unavailable: too many wait already, the service is stopping, or the batch could not be settled.
        """
        if self._closing:
            raise Unavailable("The service is stopping.", "Ask again in a few seconds.")
        self.require_flowing()
        if len(self._waiting) >= self._capacity:
            raise Unavailable(f"{self._capacity} requests already wait.", "Ask again in a second.")
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        self._consider()
        return await future

    def require_flowing(self) -> None:
        """Pass unless the batch under way is past its deadline.

        Raises:
            Unavailable: it is.
        """
        if self._held:
            raise self._too_late()

    async def probe(self) -> None:
        """Pass once the database could take a batch now: an empty one is settled, unless one was a moment ago.

        Raises:
            Unavailable: another program holds the database.
        """
        self.require_flowing()
        if self._loop is None or self._settling or time.monotonic() - self._settled_at < FRESH:
            return
        work = asyncio.wrap_future(self._begin(self._loop))
        await asyncio.wait([work], timeout=self._deadline)
        if not work.done():
            raise self._too_late()
        work.result()

    def _too_late(self) -> Unavailable:
        what = f"The database has taken no forecast for over {self._deadline:g} s: another program holds it."
        return Unavailable(what, "Ask again in a few seconds.")

    def _give_up(self, futures: Sequence[asyncio.Future[Answer]]) -> None:
        self._held = True
        waiting, self._waiting = self._waiting, []
        for future in (*futures, *(future for _, future in waiting)):
            if not future.done():
                future.set_exception(self._too_late())

    async def close(self) -> None:
        """Settle everyone who still waits, then end the thread."""
        self._closing = True
        self._consider()
        while self._settling:
            await asyncio.wrap_future(self._thread.submit(int))  # it comes back after the batch before it
        self._thread.shutdown(wait=True)

    def _consider(self) -> None:
        """Begin a batch if the thread is free and enough wait; else see to it that nobody waits for long."""
        if self._loop is None or self._settling or not self._waiting:
            return
        if self._closing or len(self._waiting) >= self._enough > 1:
            self._begin(self._loop)
        elif self._timer is None:  # at once, but after whoever else came in with this one
            self._timer = self._loop.call_later(self._linger if self._enough > 1 else 0, self._begin, self._loop)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> Future[Sequence[Answer | EvergreenError]]:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._waiting = self._waiting[: self._batch], self._waiting[self._batch :]
        futures = [future for _, future in batch]
        self._settling = True
        self._overdue = loop.call_later(self._deadline, self._give_up, futures)
        work = self._thread.submit(self._settle, [question for question, _ in batch])
        work.add_done_callback(lambda settled: loop.call_soon_threadsafe(self._end, futures, settled))
        return work

    def _end(self, futures: Sequence[asyncio.Future[Answer]], work: Future[Sequence[Answer | EvergreenError]]) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
        _deliver(futures, work)
        self._settling = self._held = False
        self._settled_at = time.monotonic()
        self._enough = max(min(len(futures) + len(self._waiting), self._batch), 1)
        self._consider()


def _deliver(futures: Sequence[asyncio.Future[Answer]], work: Future[Sequence[Answer | EvergreenError]]) -> None:
    failure = work.exception()
    outcomes = [failure] * len(futures) if failure is not None else work.result()
    for future, outcome in zip(futures, outcomes, strict=True):
        if future.done():  # its client went away
            continue
        if isinstance(outcome, BaseException):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
