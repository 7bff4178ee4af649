"""One policy's walk over the sessions of a market, deciding as the live flows do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from evergreen.core.bars.session import iso
from evergreen.core.canary import Guardrails, QualityTest
from evergreen.core.canary.freezing import Frozen
from evergreen.core.policy import (
    Action,
    CanaryLook,
    DecisionKind,
    DeliveryState,
    Evidence,
    GatePolicy,
    Judged,
    PlaceFreed,
    Policy,
    after_training,
    apply,
    decide,
    is_look,
)
from evergreen.replay.breaks import SERVING, Break
from evergreen.replay.champion_watch import ChampionWatch
from evergreen.replay.judging import UNJUDGED, freeze_canary, gate_action, guardrails, judge, mean_difference, mismatch
from evergreen.replay.models import Models
from evergreen.replay.versions import RANDOM_WALK, ServingFault, Version

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Decided:
    """One decision as it was taken; `trained` is the session of the version's training."""

    session: int
    kind: str
    version: str
    trained: int | None
    cause: str
    sentence: str
    numbers: dict[str, float]


@dataclass(frozen=True)
class Served:
    """Who served in a session: when its forecasts were made, and the share of clients that the challenger answers."""

    session: int
    champion: str
    challenger: str
    stage: str
    weight: float


@dataclass
class Walk:
    """What a policy does of a market from session `first` to `last`, both numbers.

    Attributes:
        policy: the one that is followed.
        models: of the market.
        first: the first session walked; the first model is trained on the one before.
        last: the last one.
        broken: what goes wrong with the first challenger trained from a session on.
        seed: of the breaks' noise.
    """

    policy: Policy
    models: Models
    first: int
    last: int
    broken: tuple[Break, ...] = ()
    seed: int = 7
    state: DeliveryState = field(default_factory=lambda: DeliveryState(champion=RANDOM_WALK))
    versions: dict[str, Version] = field(default_factory=dict)
    decisions: list[Decided] = field(default_factory=list)
    served: list[Served] = field(default_factory=list)
    _frozen: dict[str, Frozen] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._watched = ChampionWatch(self.policy.trigger, self.models)

    def run(self, progress: Progress = lambda walked, of: None) -> Walk:
        """Walk all sessions; returns itself."""
        self.versions[RANDOM_WALK] = Version(RANDOM_WALK, self.models, None, self.first)
        self._note(
            Action(
                kind=DecisionKind.FIRST_CHAMPION,
                session=self.first - 1,
                as_of=self._iso(self.first - 1),
                version=RANDOM_WALK,
                sentence=f"Version {RANDOM_WALK}, the random walk, is the incumbent until a model passes the gate.",
            )
        )
        self._retrain(self.first - 1)
        for session in range(self.first, self.last + 1):
            self._process(session)
            progress(session - self.first + 1, self.last - self.first + 1)
        return self

    def _process(self, session: int) -> None:
        """One session, in the order of the live loop: watch, look at the canary, then train what was asked for."""
        now = self.state
        self.served.append(Served(session, now.champion, now.challenger or "", now.stage, now.weight / 10_000))
        requested = self._watch(session)
        if self.state.challenger:
            arms = [self.versions[name] for name in (self.state.challenger, self.state.champion)]
            differs = mismatch(arms, session, self._iso(session))
            self._do(differs or CanaryLook.of(*self._look(session), session, self._iso(session)))
            self._do(PlaceFreed(session, self._iso(session)))
        if requested:
            self._retrain(session)

    def _do(self, evidence: Evidence) -> tuple[Action, ...]:
        actions = decide(self.policy, self.state, evidence)
        for action in actions:
            self.state = apply(self.state, action)
            if action.kind is not None:
                self._note(action)
        return actions

    def _note(self, action: Action) -> None:
        version = self.versions.get(action.version or self.state.champion)
        trained = version.trained.session if version and version.trained else None
        self.decisions.append(
            Decided(
                action.session,
                str(action.kind),
                action.version,
                trained,
                action.cause,
                action.sentence,
                dict(action.numbers),
            )
        )

    def _watch(self, session: int) -> bool:
        """Look at the champion if a look is due; whether a retraining is to follow."""
        if not is_look(self.policy, self.state, session, bool(self.models.market.ends_week[session])):
            return False
        actions = self._do(self._watched.look(self.versions[self.state.champion], session))
        return any(action.kind is DecisionKind.RETRAIN_REQUESTED for action in actions)

    def _look(self, session: int) -> tuple[QualityTest, Guardrails]:
        """The canary's test with every session settled by now, and its guardrails."""
        champion, challenger = self.versions[self.state.champion], self.versions[str(self.state.challenger)]
        frozen, horizon = self._frozen[challenger.name], self.models.market.horizon
        settled = range(challenger.since, session - horizon + 1)
        judged = np.stack([each.judged(frozen.test.rules.statistic, settled) for each in (champion, challenger)])
        known = (champion.losses(settled).n > 0) & np.isfinite(judged[0])
        for number, (ours, theirs) in zip(np.array(settled)[known].tolist(), judged[:, known].T, strict=True):
            frozen.test.update(self._iso(number), float(ours), float(theirs))
        return frozen.test, guardrails(champion, challenger, frozen, session)

    def _retrain(self, session: int) -> None:
        """Train on what is known at a session's close, judge the version and do what follows."""
        name = str(len(self.versions) + 1)
        fault = next((one for one in self._due_faults(session)), None)
        version = Version(name, self.models, self.models.trained_at(session), session + 1, fault)
        self.versions[name] = version
        self.state = after_training(self.state, session, name)
        champion = self.versions[self.state.champion]
        first = champion.name == RANDOM_WALK
        verdict = UNJUDGED
        if self.policy.gate or session < self.first:
            rules = self.policy.gate or GatePolicy()
            verdict = judge(rules, champion, version, session)
        frozen = None
        if verdict.admitted and not first and self.policy.canary:
            frozen = self._frozen[name] = freeze_canary(self.policy, verdict, champion, version, session)
        judged = Judged(
            session=session,
            as_of=self._iso(session),
            version=name,
            champion=champion.name,
            verdict=verdict,
            first=first,
            refusal=frozen.plan.refusal if frozen else "",
            plan=frozen.plan.sentence if frozen else "",
            hindsight=self._hindsight(champion, version, session),
        )
        if verdict is not UNJUDGED:
            self._note(gate_action(judged))
        self._do(judged)

    def _due_faults(self, session: int) -> list[ServingFault]:
        """The breaks of served features that befall the version trained now: the first one from their session on."""
        if session < self.first:
            return []
        days = self.models.market.sessions
        before = [version.trained.session for version in self.versions.values() if version.trained]
        due = [
            one
            for one in self.broken
            if one.kind in SERVING
            and days[session] >= one.session
            and not any(day >= self.first and days[day] >= one.session for day in before)
        ]
        return [ServingFault(one.kind, self.seed) for one in due]

    def _hindsight(self, champion: Version, challenger: Version, session: int) -> float | None:
        """Mean r over the next sessions; only a policy that looks ahead is told."""
        if not self.policy.hindsight:
            return None
        return mean_difference(champion, challenger, session + 1, self.policy.hindsight)

    def _iso(self, session: int) -> str:
        return iso(self.models.market.sessions[session])
