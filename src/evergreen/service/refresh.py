"""Keeps the served snapshot true to the rollout row, the online features and the clock."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

import pandas as pd

from evergreen.adapters.database.rollouts import Rollout
from evergreen.service.attempts import Attempts
from evergreen.service.composing import Tables, compose
from evergreen.service.metrics import Metrics
from evergreen.service.state import Lineup, ServedModel, Snapshot, Universe

log = logging.getLogger("evergreen.service")

Inputs = tuple[datetime, int]  # when features were materialized, and the forecasts delivered by then


@dataclass(frozen=True)
class Sighting:
    """What one look at the operational state showed. `finished_at`: when features were last materialized; `owed`: how
    many bars have not arrived; `delivered`: how many forecasts made elsewhere have."""

    rollout: Rollout | None
    finished_at: datetime | None
    clock: pd.Timestamp | None
    owed: int = 0
    delivered: int = 0


class Store(Protocol):
    """Where a snapshot's parts come from; every failure is an EvergreenError."""

    def look(self, now: datetime) -> Sighting:
        """The operational state at `now`."""
        ...

    def model(self, version: str) -> ServedModel:
        """A verified model that repeats its golden forecasts."""
        ...

    def universe(self) -> Universe:
        """The newest features of every ticker."""
        ...

    def age(self, earlier: pd.Timestamp, later: pd.Timestamp) -> int:
        """Sessions from `earlier` to `later`."""
        ...


class Keeper:
    """Holds the one reference everything is answered from, and replaces it when the world changed.

    A part that cannot be brought up to date keeps its last good state, raises an alarm that /readyz and the
    status page show, and is tried again. A challenger that cannot be loaded leaves the champion alone.
    `once_serving` is called when the first snapshot stands. `clock` gives seconds that no change of the wall's
    clock touches; by it retries and the age of what is served are measured.
    """

    def __init__(
        self,
        store: Store,
        metrics: Metrics,
        once_serving: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.snapshot: Snapshot | None = None
        self._store = store
        self._metrics = metrics
        self._once_serving = once_serving
        self._attempts = Attempts(metrics, clock)
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="refresh")
        self._lineup: Lineup | None = None
        self._universe: tuple[Inputs, Universe] | None = None
        self._composed: tuple[int, int] | None = None
        self._models: dict[str, ServedModel] = {}
        self._tables = Tables()
        self._confirmed = float("-inf")

    @property
    def alarms(self) -> dict[str, str]:
        """Sentences about what could not be brought up to date, by part."""
        refusal = self.snapshot.lineup.refusal if self.snapshot is not None else ""
        return ({"challenger": refusal} if refusal else {}) | self._attempts.alarms

    async def run(self, every: float, stop: asyncio.Event) -> None:
        """Look every `every` seconds until `stop` is set."""
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), every)
            await self.look_now()

    async def look_now(self) -> None:
        """One look, on a thread that nobody else's work can hold up; a bug in it ends no service."""
        look = asyncio.get_running_loop().run_in_executor(self._thread, self.look, datetime.now(UTC))
        await asyncio.wait([look])
        if (failure := look.exception()) is not None:
            log.error("the last look at the rollout failed", exc_info=failure)
            self._metrics.refresh_failures.labels("look").inc()

    def close(self) -> None:
        """Let the thread go."""
        self._thread.shutdown(wait=True)

    def look(self, now: datetime) -> None:
        """Bring the snapshot up to `now`; a part that fails is kept as it was and reported in `alarms`."""
        seen = self._attempts.run("state", now, lambda: self._store.look(now))
        if seen is None:
            return
        self._metrics.owed_bars.set(seen.owed)
        self._lineup = self._lineup_for(seen.rollout, now)
        self._universe = self._universe_for(seen, now)
        if self._lineup is not None and self._universe is not None and seen.clock is not None:
            self._serve(self._lineup, self._universe[1], seen.clock, now)

    def unconfirmed_seconds(self) -> float:
        """Seconds since what is served was last found to be current; infinite before the first snapshot."""
        return self._clock() - self._confirmed

    def _lineup_for(self, rollout: Rollout | None, now: datetime) -> Lineup | None:
        lineup = self._lineup
        if rollout is None or (lineup is not None and lineup.rollout == rollout and lineup.complete):
            return lineup
        champion = self._model("champion", rollout.champion, now)
        if champion is None:
            return lineup
        challenger = None
        if rollout.challenger is None:
            self._attempts.clear("challenger")
        else:
            challenger = self._model("challenger", rollout.challenger, now)
        if lineup is not None and lineup.rollout == rollout and challenger is None:
            return lineup
        in_use = {rollout.champion, rollout.challenger, rollout.previous_champion}
        self._models = {version: model for version, model in self._models.items() if version in in_use}
        return Lineup(rollout, champion, challenger, previous=self._previous(rollout, now))

    def _previous(self, rollout: Rollout, now: datetime) -> ServedModel | None:
        """The champion before, while a fresh promotion may still be taken back."""
        if rollout.previous_champion is None or rollout.evidence is None or not rollout.evidence.window:
            self._attempts.clear("previous champion")
            return None
        return self._model("previous champion", rollout.previous_champion, now)

    def _model(self, role: str, version: str, now: datetime) -> ServedModel | None:
        if version not in self._models:
            model = self._attempts.run(role, version, lambda: self._store.model(version))
            if model is None:
                return None
            self._models[version] = model
        self._attempts.clear(role)
        return self._models[version]

    def _universe_for(self, seen: Sighting, now: datetime) -> tuple[Inputs, Universe] | None:
        current = self._universe
        if seen.finished_at is None:
            return current
        inputs = seen.finished_at, seen.delivered
        if current is not None and current[0] == inputs:
            return current
        universe = self._attempts.run("features", inputs, self._store.universe)
        return current if universe is None else (inputs, universe)

    def _serve(self, lineup: Lineup, universe: Universe, clock: pd.Timestamp, now: datetime) -> None:
        snapshot = self.snapshot
        if self._composed != (id(lineup), id(universe)):
            fresh = self._compose(lineup, universe, clock, now)
            if fresh is not None:
                if snapshot is None:
                    self._once_serving()
                snapshot, self._composed = fresh, (id(lineup), id(universe))
        if snapshot is None:
            return
        if snapshot.clock != clock:
            snapshot = replace(snapshot, clock=clock, ages=self._ages(snapshot.universe, clock))
        self.snapshot = snapshot
        self._metrics.rollout_version.set(snapshot.lineup.rollout.version)
        self._metrics.feature_age.set(max(snapshot.ages))
        if self._composed == (id(lineup), id(universe)):
            self._confirmed = self._clock()

    def _compose(self, lineup: Lineup, universe: Universe, clock: pd.Timestamp, now: datetime) -> Snapshot | None:
        parts = (id(lineup), id(universe))
        ages = self._ages(universe, clock)
        return self._attempts.run("snapshot", parts, lambda: compose(lineup, universe, clock, ages, now, self._tables))

    def _ages(self, universe: Universe, clock: pd.Timestamp) -> tuple[int, ...]:
        known = {session: self._store.age(session, clock) for session in set(universe.sessions)}
        return tuple(known[session] for session in universe.sessions)
