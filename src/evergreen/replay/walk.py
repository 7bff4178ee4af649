"""One policy's walk over the sessions of a market, deciding as the live flows do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from evergreen.core.bars.calendar import iso
from evergreen.core.canary import Guardrails, QualityTest
from evergreen.core.canary.freezing import Frozen, freeze
from evergreen.core.canary.guardrails import check_outputs
from evergreen.core.drift import Cause, DriftCheck, SkillTest, Standing, TooLittleHistory, check
from evergreen.core.evaluation.losses import relative_difference
from evergreen.core.gate.compare import compare
from evergreen.core.gate.verdict import Verdict
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
    SessionWatch,
    after_training,
    apply,
    decide,
    is_look,
)
from evergreen.replay.breaks import SERVING, Break
from evergreen.replay.models import Models
from evergreen.replay.versions import RANDOM_WALK, ServingFault, Version

SIGNS = 20  # sessions that the signs of a sick vendor look at, as the live ones do
Progress = Callable[[int, int], None]


# Without a gate nothing rests on a verdict: the folds that it would take are nine tenths of a training.
UNJUDGED = Verdict(
    admitted=True, better=False, reasons=(), sessions=0, tried=1, spent_alpha=0.0, opponent="nobody: there is no gate"
)


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
    _tried: dict[str, int] = field(default_factory=dict)
    _frozen: dict[str, Frozen] = field(default_factory=dict)
    _skill: dict[str, SkillTest | None] = field(default_factory=dict)
    _settled: dict[str, int] = field(default_factory=dict)  # the first session that a skill test has not seen

    def run(self, progress: Progress = lambda walked, of: None) -> Walk:
        """Walk all sessions; returns itself."""
        self.versions[RANDOM_WALK] = Version(RANDOM_WALK, self.models, None, self.first)
        self._note(
            Action(
                kind=DecisionKind.FIRST_CHAMPION,
                session=self.first - 1,
                as_of=self._iso(self.first - 1),
                version=RANDOM_WALK,
                sentence="The random walk is the incumbent until a model passes the gate.",
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
            self._do(CanaryLook.of(*self._look(session), session, self._iso(session)))
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
        champion = self.versions[self.state.champion]
        causes = self.policy.trigger.causes
        drift, skill = Cause.COVARIATE_SHIFT in causes, Cause.LOSS_OF_SKILL in causes
        watch = SessionWatch(
            session=session,
            as_of=self._iso(session),
            check=self._check(champion, session) if drift else None,  # nothing would follow, and it costs seconds
            skill=self._standing(champion, session) if drift or skill else "unproven",
            refused=self._refused(session),
            missing=self._missing(session),
        )
        actions = self._do(watch)
        return any(action.kind is DecisionKind.RETRAIN_REQUESTED for action in actions)

    def _check(self, champion: Version, session: int) -> DriftCheck | TooLittleHistory | None:
        if champion.monitor is None:
            return None
        counts, as_of = champion.monitor.counts(session), self.models.market.sessions[session]
        return check(champion.monitor.calibration, counts, as_of, self.policy.trigger.level)

    def _standing(self, champion: Version, session: int) -> Standing:
        if champion.name not in self._skill:
            self._skill[champion.name] = champion.skill_test(self.policy.trigger.skill_evidence)
        test = self._skill[champion.name]
        if test is None:
            return "unproven"
        until = session - self.models.market.horizon + 1
        settled = range(self._settled.get(champion.name, champion.since), until)
        self._settled[champion.name] = max(settled.start, until)
        for number, row in champion.scores(settled).iterrows():
            if row["n"] > 0:
                test.update(self._iso(int(str(number))), row["loss"], row["loss_random_walk"])
        return test.standing

    def _refused(self, session: int) -> float:
        rows, refused = self.models.market.refused[max(0, session - SIGNS + 1) : session + 1].sum(axis=0)
        return float(refused / rows) if rows else 0.0

    def _missing(self, session: int) -> float:
        """The share of a usual session's rows that the last ones lack; a usual one is the last 290's median."""
        counts = np.diff(self.models.market.first_row)[max(0, session - 289) : session + 1]
        usual, current = float(np.median(counts)), counts[-SIGNS:]
        return max(0.0, 1 - float(current.sum()) / (usual * len(current))) if usual else 0.0

    def _look(self, session: int) -> tuple[QualityTest, Guardrails]:
        """The canary's test with every session settled by now, and its guardrails."""
        champion, challenger = self.versions[self.state.champion], self.versions[str(self.state.challenger)]
        frozen, horizon = self._frozen[challenger.name], self.models.market.horizon
        settled = range(challenger.since, session - horizon + 1)
        ours, theirs = champion.scores(settled), challenger.scores(settled)
        known = (ours["n"] > 0).to_numpy() & np.isfinite(ours["loss"].to_numpy())
        days = np.array(list(settled))[known]
        losses = np.stack([each["loss"].to_numpy()[known] for each in (ours, theirs)])
        for start in range(0, len(days) - horizon + 1, horizon):
            block = losses[:, start : start + horizon].mean(axis=1)
            frozen.test.update(self._iso(int(days[start + horizon - 1])), float(block[0]), float(block[1]))
        return frozen.test, self._guardrails(champion, challenger, frozen, session)

    def _guardrails(self, champion: Version, challenger: Version, frozen: Frozen, session: int) -> Guardrails:
        lived = range(challenger.since, session + 1)
        if not len(lived):
            return Guardrails(missing=("No forecasts of both models yet.",))
        ours, theirs = (np.concatenate([each.forecast(day) for day in lived]) for each in (champion, challenger))
        return Guardrails(broken=tuple(check_outputs(ours, theirs, frozen.limits)))

    def _retrain(self, session: int) -> None:
        """Train on what is known at a session's close, judge the version and do what follows."""
        name = str(len(self.versions) + 1)
        fault = next((one for one in self._due_faults(session)), None)
        version = Version(name, self.models, self.models.trained_at(session), session + 1, fault)
        self.versions[name] = version
        self.state = after_training(self.state, session, name)
        champion = self.versions[self.state.champion]
        self._tried[champion.name] = self._tried.get(champion.name, 0) + 1
        first = champion.name == RANDOM_WALK
        verdict = self._judge(champion, version, session) if self.policy.gate or session < self.first else UNJUDGED
        frozen = None
        if verdict.admitted and not first and self.policy.canary:
            frozen = self._frozen[name] = self._freeze(champion, version, session)
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
            self._note(_gate(judged))
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

    def _judge(self, champion: Version, challenger: Version, session: int) -> Verdict:
        """The gate's verdict, on the sessions it looks at of both records."""
        gate = self.policy.gate or GatePolicy()
        record, theirs = challenger.record, self._forecasts(champion, session)
        assert record is not None
        if theirs is not None:
            common = np.intersect1d(record["session"].unique(), theirs["session"].unique())[-gate.sessions :]
            record, theirs = (each[each["session"].isin(common)] for each in (record, theirs))
        rules = {"alpha": gate.alpha, "min_sessions": gate.min_sessions, "gate_sessions": gate.sessions}
        interval = self.models.fits.config.interval
        return compare(theirs, record, tried=self._tried[champion.name], coverage=interval, **rules)  # type: ignore[arg-type]

    def _forecasts(self, champion: Version, session: int) -> pd.DataFrame | None:
        """All a champion forecast out of sample, as `tasks.gate.champion_record`; None for the random walk."""
        if champion.record is None:
            return None
        lived = champion.forecasts(range(champion.since, session + 1))
        return pd.concat([champion.record[["ticker", "session", "forecast"]], lived], ignore_index=True)

    def _freeze(self, champion: Version, challenger: Version, session: int) -> Frozen:
        canary, forecasts = self.policy.canary, self._forecasts(champion, session)
        assert canary and forecasts is not None and challenger.trained and challenger.record is not None
        return freeze(
            forecasts,
            challenger.record,
            champion.residual_sigma,
            challenger.trained.target,
            canary.alpha_promote,
            canary.alpha_rollback,
            canary.t_min,
            canary.t_max,
        )

    def _hindsight(self, champion: Version, challenger: Version, session: int) -> float | None:
        """Mean r over the next sessions; only a policy that looks ahead is told."""
        if not self.policy.hindsight:
            return None
        return mean_difference(champion, challenger, session + 1, self.policy.hindsight, 1)

    def _iso(self, session: int) -> str:
        return iso(self.models.market.sessions[session])


def _gate(judged: Judged) -> Action:
    """The gate's verdict as a decision on record."""
    return Action(
        kind=DecisionKind.GATE,
        session=judged.session,
        as_of=judged.as_of,
        version=judged.version,
        sentence=judged.verdict.sentence,
        numbers=judged.numbers,
    )


def mean_difference(champion: Version, challenger: Version, start: int, sessions: int, stride: int) -> float | None:
    """Mean r (positive: the challenger is better) over every `stride`-th of the next sessions; None without any."""
    stop = min(start + sessions, challenger.sessions)
    numbers = range(start, stop, stride)
    pairs = [(each.scores(range(day, day + 1))["loss"]) for day in numbers for each in (champion, challenger)]
    losses = np.array([float(each.iloc[0]) for each in pairs]).reshape(-1, 2)
    known = np.isfinite(losses).all(axis=1)
    return float(relative_difference(losses[known, 0], losses[known, 1]).mean()) if known.any() else None
