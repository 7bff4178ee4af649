"""What runs on the Prefect server now, and what to do where nothing is there yet: said alike in all places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

NO_DATA, NO_CHAMPION = "no data yet", "no champion yet"
# The flows that bring what is missing; a replay brings both.
BRINGS_DATA = ("backfill", "replay")
BRINGS_CHAMPION = ("retrain", "replay")


@dataclass(frozen=True)
class Running:
    """A flow run under way: the task it is at, since when (UTC), how long the last completed one took,
    and the id the server gave it."""

    flow: str
    run: str
    since: datetime
    task: str = ""
    last_took: timedelta | None = None
    id: str = ""

    def line(self, now: datetime) -> str:
        """For how long it has run, what it does, and how much time is left by the last one's measure."""
        at = f" ({self.task})" if self.task else ""
        return f"{self.flow}{at} for {_length(now - self.since)}{self._left(now - self.since)}"

    def _left(self, elapsed: timedelta) -> str:
        if self.last_took is None:
            return ""
        if elapsed >= self.last_took:
            return f", longer than the last one's {_length(self.last_took)}"
        return f", about {_length(self.last_took - elapsed)} left: the last one took {_length(self.last_took)}"


def missing(session: str | None, champion: str | None, running: Sequence[Running], training: str = "") -> str:
    """What is not there yet and how it comes: by what runs, or by what to type; nothing where all is there.

    `training` says how the last request for a model stands, if there is one.
    """
    flows = {each.flow for each in running}
    if session is None:
        return _missing(NO_DATA, flows.intersection(BRINGS_DATA), "type `evergreen backfill`")
    if champion is None:
        nobody = "nobody asked for its training, type `evergreen backfill`"
        return _missing(NO_CHAMPION, flows.intersection(BRINGS_CHAMPION), training or nobody)
    return ""


def _missing(what: str, under_way: set[str], otherwise: str) -> str:
    return f"{what}: {sorted(under_way)[0]} is under way" if under_way else f"{what}: {otherwise}"


def _length(span: timedelta) -> str:
    seconds = max(0, round(span.total_seconds()))
    minutes, rest = divmod(seconds, 60)
    if minutes == 0:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if minutes < 10 else f"{minutes} min"  # seconds say nothing any more after ten
