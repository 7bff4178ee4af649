"""The guardrails, looked at every few seconds by the service itself: harm need not wait for a session's end."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime

from evergreen.adapters.database import reading, rollouts
from evergreen.adapters.database.decisions import Decision
from evergreen.adapters.database.delivery_state import NOW, serving_state
from evergreen.adapters.database.rollouts import Rollout
from evergreen.core.canary import Guardrails
from evergreen.core.canary.guardrails import OutputLimits, check_outputs
from evergreen.core.policy import Action, DecisionKind, GuardrailsBroken, decide, in_window
from evergreen.errors import EvergreenError, RolloutConflict
from evergreen.service.refresh import Keeper
from evergreen.service.state import ServedModel, Snapshot
from evergreen.service.store import DiskStore
from evergreen.settings import Settings
from evergreen.workspace import calendar_of

log = logging.getLogger("evergreen.service")

WATCH_SECONDS = 2.0  # a rollback must reach all within five seconds


class Watch:
    """Ends a canary, or takes back a fresh promotion, whose guardrail is broken.

    Any number of watchers may look at one rollout: the change is a compare-and-set, so one of them wins and
    one decision is written. `verdict` is what the last look found.
    """

    def __init__(self, settings: Settings, store: DiskStore) -> None:
        self.verdict = Guardrails()
        self._settings = settings
        self._store = store
        self._calendar = calendar_of(settings.market)
        self._checked: tuple[int, str] | None = None
        self._outputs: tuple[str, ...] = ()

    def look(self, snapshot: Snapshot, now: datetime, refused: str = "") -> str | None:
        """Judge what serves now; the sentence of what was ended, None if nothing was.

        `refused` says why the rollout's champion cannot serve although its file is sound.
        """
        with reading(self._store.engine) as conn:
            row = rollouts.read(conn, self._settings.model_name)
            if row is None or row.evidence is None:
                self.verdict = Guardrails()
                return None
        self.verdict = self._judge(row, snapshot, refused)
        if not self.verdict.broken or self._settings.guardrails == "tell":
            return None
        return self._end(row, snapshot, now)

    def _judge(self, row: Rollout, snapshot: Snapshot, refused: str) -> Guardrails:
        if row.evidence is None:
            return Guardrails()
        if snapshot.lineup.rollout.champion != row.champion:
            fresh = bool(refused) and self._in_window(row, snapshot)
            return Guardrails(broken=(refused,) if fresh else ())
        if row.challenger is None:
            return Guardrails(broken=self._after_promotion(row, snapshot))
        challenger = snapshot.lineup.challenger
        if snapshot.lineup.failure and snapshot.lineup.rollout.challenger == row.challenger:
            return Guardrails(broken=(snapshot.lineup.failure,))
        if challenger is None or challenger.version != row.challenger:
            return Guardrails(missing=(f"Version {row.challenger} is not loaded.",))
        if row.evidence.limits is None:
            return Guardrails(missing=("No limits on outputs were fixed when it began.",))
        return Guardrails(broken=self._compared(snapshot, challenger, snapshot.lineup.champion, row.evidence.limits))

    def _in_window(self, row: Rollout, snapshot: Snapshot) -> bool:
        return in_window(serving_state(row, self._calendar, snapshot.clock), NOW)

    def _after_promotion(self, row: Rollout, snapshot: Snapshot) -> tuple[str, ...]:
        previous, window = snapshot.lineup.previous, row.evidence.window if row.evidence else None
        if window is None or previous is None or previous.version != row.previous_champion:
            return ()
        if not self._in_window(row, snapshot):
            return ()
        return self._compared(snapshot, snapshot.lineup.champion, previous, window.limits)

    def _compared(
        self, snapshot: Snapshot, judged: ServedModel, beside: ServedModel, limits: OutputLimits
    ) -> tuple[str, ...]:
        """Hard limits on the outputs for the whole universe, once for each set of features."""
        mark = (id(snapshot.universe), judged.version)
        if self._checked != mark:
            usual, judged_outputs = (snapshot.tables[model.version].values for model in (beside, judged))
            self._outputs = tuple(check_outputs(usual, judged_outputs, limits))
            self._checked = mark
        return self._outputs

    def _end(self, row: Rollout, snapshot: Snapshot, now: datetime) -> str | None:
        state = serving_state(row, self._calendar, snapshot.clock)
        broken = GuardrailsBroken(NOW, snapshot.clock.date().isoformat(), self.verdict.broken)
        for action in decide(self._settings.delivery_policy(), state, broken):
            if not self._carry_out(row, action, now):
                return None  # somebody else moved it; the next look judges what stands then
            log.error(action.sentence)
            return action.sentence
        return None

    def _carry_out(self, row: Rollout, action: Action, now: datetime) -> bool:
        record = row.evidence.to_json() if row.evidence else {}
        decision = Decision(
            at=now, model=row.model, kind=DecisionKind.ROLLBACK, as_of=action.as_of, subject=action.version,
            summary=action.sentence,
            evidence={"by": "the service's watch", "broken": list(self.verdict.broken), **record},
        )  # fmt: skip
        try:
            rollouts.change(self._store.engine, row, decision, **rollouts.steady(row, action.champion, action.as_of))
        except RolloutConflict:
            return False
        return True


async def keep_watch(watch: Watch, keeper: Keeper, every: float, stop: asyncio.Event) -> None:
    """Look every `every` seconds until `stop` is set, once something is served; a bug in a look ends no watch."""
    while not stop.is_set():
        if (snapshot := keeper.snapshot) is not None:
            refused = keeper.alarms.get("snapshot", "")
            look = asyncio.ensure_future(asyncio.to_thread(watch.look, snapshot, datetime.now(UTC), refused))
            await asyncio.wait([look])
            if (failure := look.exception()) is not None:
                trace = None if isinstance(failure, EvergreenError) else failure
                log.error("the guardrails could not be looked at: %s", failure, exc_info=trace)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), every)
