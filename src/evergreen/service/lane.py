"""A lane of its own for the challenger, so that whatever it does, the champion is not held up."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Generic, TypeVar

Scored = TypeVar("Scored")

PATIENCE = 0.1  # seconds; a batch of 256 rows takes a sound challenger 5 ms


class Lane(Generic[Scored]):
    """One thread for calls that may raise, hang or answer nonsense.

    A call that is not back within `patience` seconds is left behind; until it returns, further calls are
    refused at once instead of waiting again.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="challenger")
        self._left_behind: Future[Scored] | None = None

    def start(self, call: Callable[[], Scored]) -> Callable[[], Scored | str]:
        """Begin `call`; the function returned waits for it and gives what it returned.

        Or one word for why there is nothing: `busy`, `slow` or `raised`.
        """
        if self._left_behind is not None:
            if not self._left_behind.done():
                return lambda: "busy"
            self._left_behind = None
        return partial(self._outcome, self._thread.submit(call))

    def _outcome(self, future: Future[Scored]) -> Scored | str:
        try:
            failure = future.exception(timeout=self._patience)
        except TimeoutError:
            self._left_behind = future
            return "slow"
        return "raised" if failure is not None else future.result()

    def close(self) -> None:
        """Let the thread go without waiting for a call that hangs."""
        self._thread.shutdown(wait=False, cancel_futures=True)
