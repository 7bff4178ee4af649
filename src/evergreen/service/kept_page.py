"""A page that is dear to make: made once, kept for a moment, and never on the threads that others wait for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

SECONDS = 2.0  # the page asks for itself again every 20


class KeptPage:
    """What `render` gives, at most `seconds` old. Whoever comes while it is made waits for the same one."""

    def __init__(
        self, render: Callable[[], str], seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._render = render
        self._seconds = seconds
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="page")
        self._making = asyncio.Lock()
        self._page = ""
        self._rendered_at = float("-inf")

    async def html(self) -> str:
        """The page."""
        async with self._making:
            if self._clock() - self._rendered_at >= self._seconds:
                loop = asyncio.get_running_loop()
                self._page = await loop.run_in_executor(self._thread, self._render)
                self._rendered_at = self._clock()
            return self._page

    def close(self) -> None:
        """Let the thread go."""
        self._thread.shutdown(wait=True)
