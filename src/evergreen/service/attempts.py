"""Attempts that may fail without ending the service: a failure is an alarm until the same part succeeds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from typing import TypeVar

from evergreen.errors import EvergreenError
from evergreen.service.metrics import Metrics

log = logging.getLogger("evergreen.service")

Part = TypeVar("Part")

RETRY = 2.0  # seconds; a model of 300 trees takes a second to try


class Attempts:
    """Runs calls by part, remembers what failed, and does not repeat a failed one before `RETRY` is over.

    `clock` gives seconds that no change of the wall's clock touches.
    """

    def __init__(self, metrics: Metrics, clock: Callable[[], float]) -> None:
        self.alarms: dict[str, str] = {}
        self._metrics = metrics
        self._clock = clock
        self._failed: dict[str, tuple[Hashable, float]] = {}

    def run(self, part: str, subject: Hashable, call: Callable[[], Part]) -> Part | None:
        """What `call` returns; None after an EvergreenError, and within `RETRY` of one about `subject`."""
        last = self._failed.get(part)
        if last is not None and last[0] == subject and self._clock() - last[1] < RETRY:
            return None
        try:
            outcome = call()
        except EvergreenError as error:
            self._fail(part, subject, str(error))
            return None
        self.clear(part)
        return outcome

    def clear(self, part: str) -> None:
        """The part is well, or no longer wanted."""
        if self.alarms.pop(part, None) is not None:
            log.warning("%s: mended", part)
        self._failed.pop(part, None)

    def _fail(self, part: str, subject: Hashable, sentence: str) -> None:
        if self.alarms.get(part) != sentence:
            log.error("%s: %s", part, sentence)
        self.alarms[part] = sentence
        self._failed[part] = (subject, self._clock())
        self._metrics.refresh_failures.labels(part).inc()
