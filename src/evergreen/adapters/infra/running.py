"""What runs on the Prefect server now, and what to do where nothing is there yet: said alike in all places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

NO_DATA, NO_CHAMPION = "no data yet", "no champion yet"
# The flows that bring what is missing; a replay brings both.
BRINGS_DATA = ("backfill", "replay")
BRINGS_CHAMPION = ("retrain", "replay")
BRINGS_SESSIONS = ("daily", "backfill", "replay")


@dataclass(frozen=True)
class Running:
    """A flow run under way: the task it is at, since when (UTC), how long the last completed one took,
    and the id the server gave it. One that `waits` has not begun: `since` is when it was due."""

    flow: str
    run: str
    since: datetime
    task: str = ""
    last_took: timedelta | None = None
    id: str = ""
    waits: bool = False

    def line(self, now: datetime) -> str:
        """For how long it has run, what it does, and how much time is left by the last one's measure."""
        if self.waits:
            return f"{self.flow} waits to begin, due {_length(now - self.since)} ago"
        at = f" ({self.task})" if self.task else ""
        return f"{self.flow}{at} for {_length(now - self.since)}{self._left(now - self.since)}"

    def _left(self, elapsed: timedelta) -> str:
        if self.last_took is None:
            return ""
        if elapsed >= self.last_took:
            return f", longer than the last one's {_length(self.last_took)}"
        return f", about {_length(self.last_took - elapsed)} left: the last one took {_length(self.last_took)}"


def missing(
    session: str | None,
    champion: str | None,
    running: Sequence[Running],
    training: str = "",
    failure: str = "",
    lost: str = "",
) -> str:
    """What is not there yet and how it comes: by what runs, or by what to type; nothing where all is there.

    `training` says how the last request for a model stands, if there is one, `failure` why the last backfill failed,
    `lost` that there are bars of which the database has no record.
    """
    if session is None and lost and not (failure or _how(BRINGS_DATA, running)):
        return lost
    if session is None:
        return f"{NO_DATA}: {how_data_comes(running, failure)}"
    if champion is None:
        nobody = "nobody asked for its training, type `evergreen backfill`"
        return f"{NO_CHAMPION}: {_how(BRINGS_CHAMPION, running) or training or nobody}"
    return ""


def how_data_comes(running: Sequence[Running], failure: str = "") -> str:
    """What brings the first bars: what runs, or what to type, and why the last backfill did not."""
    again = f"the last backfill failed: {failure} Then type `evergreen backfill` again" if failure else ""
    return _how(BRINGS_DATA, running) or again or "type `evergreen backfill`"


def how_sessions_come(running: Sequence[Running], owed: str) -> str:
    """What brings the sessions that are behind: what runs, bars that are `owed`, or what to type."""
    others = [each.flow for each in running]
    waits = "newer bars have not come" if owed else ""
    return _how(BRINGS_SESSIONS, running) or waits or _how(others, running) or "type `evergreen daily`"


def _how(flows: Sequence[str], running: Sequence[Running]) -> str:
    """Which of some flows is under way or else waits to begin; empty where none does."""
    bringing = sorted((each.waits, each.flow) for each in running if each.flow in flows)
    return "".join(f"{flow} {'waits to begin' if waits else 'is under way'}" for waits, flow in bringing[:1])


def _length(span: timedelta) -> str:
    seconds = max(0, round(span.total_seconds()))
    minutes, rest = divmod(seconds, 60)
    if minutes == 0:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if minutes < 10 else f"{minutes} min"  # seconds say nothing any more after ten
