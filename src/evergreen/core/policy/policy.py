"""A delivery policy: when to retrain, what admits a model, and how it is let out. Data, read from TOML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from evergreen.core.canary import LADDER, Ladder
from evergreen.core.drift import COOLDOWN, LEVEL, TRIGGERS, Cause, Limits
from evergreen.core.drift.detector import RUN_LENGTH
from evergreen.core.evaluation.retention import RETAINED
from evergreen.errors import BadSetting

Looks = Literal["weekly", "daily"]
NewerChallenger = Literal["queue", "supersede"]
Undecided = Literal["hold", "carried", "regret", "promote"]

FOUND = tuple(cause for cause in TRIGGERS if cause is not Cause.CALENDAR)


@dataclass(frozen=True)
class TriggerPolicy:
    """What starts a retraining.

    Attributes:
        causes: which causes do; none, and the first champion stays for ever.
        every: sessions between two trainings by the calendar; with cause `calendar` only.
        looks: when drift, skill and age are looked at: on the last session of each week, or on every one.
        level: of the drift check, at each look; 0.02 at a weekly look is one false finding a year.
        run_length: mean sessions between two false reports that skill is lost, and between two of coverage.
        retrain_after: sessions without any training after which one is started though nothing was found.
        settling: sessions after a training or a rollback in which drift is not found: both windows of a check must
            lie behind it.
        cooldown: sessions between two retrainings started by findings, doubled after each in a row that won nothing.
        most_a_month: how many of them 21 sessions may see.
    """

    causes: tuple[Cause, ...] = FOUND
    every: int = 0
    looks: Looks = "weekly"
    level: float = LEVEL
    run_length: float = RUN_LENGTH
    retrain_after: int = 250
    settling: int = COOLDOWN
    cooldown: int = Limits.cooldown
    most_a_month: int = Limits.most_a_month

    def __post_init__(self) -> None:
        if strange := [cause.value for cause in self.causes if cause not in TRIGGERS]:
            known = ", ".join(cause.value for cause in TRIGGERS)
            raise BadSetting(f"{strange[0]!r} is no cause of a retraining.", f"Known: {known}.")
        if (self.every > 0) != (Cause.CALENDAR in self.causes):
            raise BadSetting(
                f"a calendar of every {self.every} sessions does not fit the causes.",
                "Give `every` with the cause `calendar`, and only with it.",
            )
        _require("trigger", looks=self.looks in get_args(Looks), level=0 < self.level < 1)
        _require("trigger", run_length=self.run_length > 1, retrain_after=self.retrain_after >= 1)
        _require("trigger", settling=self.settling >= 0, cooldown=self.cooldown >= 0, every=self.every >= 0)
        _require("trigger", most_a_month=self.most_a_month >= 1)

    @property
    def findings(self) -> tuple[Cause, ...]:
        """The causes that are found in data; the calendar is none."""
        return tuple(cause for cause in self.causes if cause is not Cause.CALENDAR)

    @property
    def limits(self) -> Limits:
        """What holds a retraining back that a finding asks for."""
        return Limits(cooldown=self.cooldown, most_a_month=self.most_a_month)


@dataclass(frozen=True)
class GatePolicy:
    """What a challenger must show before it is tried; the arguments of `core.gate.compare.compare`.

    Attributes:
        alpha: rate of false discoveries among the recipes of a model name: what "better" is claimed by.
        retained: share of the champion's shown advantage over the random walk that a challenger must keep; also how
            far its own recipe, trained again, must agree with it.
        entry: p against the random walk below which a recipe is admitted where the incumbent has shown nothing; the
            k-th recipe needs a k^2-th of it. 0.5 asks for a mean above the random walk's.
        harm: p below which a challenger counts as worse than the champion and is refused.
        min_sessions: fewest common sessions that can be judged; four months is the least that shows anything.
        sessions: most recent common sessions that are judged; 0: all there are.
    """

    alpha: float = 0.05
    retained: float = RETAINED
    entry: float = 0.5
    harm: float = 0.10
    min_sessions: int = 120
    sessions: int = 0

    def __post_init__(self) -> None:
        _require("gate", alpha=0 < self.alpha < 1, retained=0 <= self.retained < 1)
        _require("gate", entry=0 < self.entry <= 1, harm=0 <= self.harm < 0.5)
        _require("gate", sessions=self.sessions == 0 or self.sessions >= self.min_sessions)
        _require("gate", min_sessions=self.min_sessions >= 60)  # below it no canary can fix a scale


@dataclass(frozen=True)
class CanaryPolicy:
    """How an admitted challenger is let out, and when it is judged; the frozen rules of its `QualityTest`.

    Attributes:
        ladder: the stages, in order.
        alpha_promote: bound on false promotions of a recipe trained again, and on their share among all promotions of
            other recipes in the life of a model name.
        alpha_rollback: bound on false rollbacks.
        t_min: sessions before a promotion is possible.
        t_max: sessions after which it ends undecided.
        undecided: what then becomes of another recipe than the champion's. `hold`: the champion stays. `carried`: the
            same, but the evidence for a promotion starts with the record's; a canary that contradicts its record is
            declined. `regret`: it takes over if record and
            canary together let expect a gain, nothing ever spoke of harm and the canary does not contradict the record,
            else it is declined. `promote`: it takes over.
        renewal: what then becomes of the champion's recipe, trained again; the same choices.
        newer_challenger: what a challenger does that is admitted during a canary: `queue` or `supersede`.
        rollback_window: sessions after a promotion in which a broken guardrail brings the old champion back.
    """

    ladder: Ladder = LADDER
    alpha_promote: float = 0.05
    alpha_rollback: float = 0.10
    t_min: int = 8
    t_max: int = 60
    undecided: Undecided = "hold"
    renewal: Undecided = "regret"
    newer_challenger: NewerChallenger = "queue"
    rollback_window: int = 5

    def __post_init__(self) -> None:
        _require("canary", alpha_promote=0 < self.alpha_promote < 1, alpha_rollback=0 < self.alpha_rollback < 1)
        _require("canary", t_min=self.t_min >= 1, t_max=self.t_max >= self.t_min)
        _require("canary", undecided=self.undecided in get_args(Undecided))
        _require("canary", renewal=self.renewal in get_args(Undecided))
        _require("canary", newer_challenger=self.newer_challenger in get_args(NewerChallenger))
        _require("canary", rollback_window=self.rollback_window >= 0)

    def ending(self, renewed: bool) -> Undecided:
        """What becomes of a challenger without a verdict."""
        return self.renewal if renewed else self.undecided


@dataclass(frozen=True)
class Policy:
    """Everything that `decide` follows.

    `gate` None: what is trained needs no admission. `canary` None: it takes over at once. `hindsight`: the better of
    champion and challenger by the losses of so many *next* sessions serves; 0 is none, and only a replay knows them.

    Raises:
        BadSetting: parts that do not go together, or a value outside its range.
    """

    name: str
    trigger: TriggerPolicy = field(default_factory=TriggerPolicy)
    gate: GatePolicy | None = field(default_factory=GatePolicy)
    canary: CanaryPolicy | None = field(default_factory=CanaryPolicy)
    hindsight: int = 0

    def __post_init__(self) -> None:
        if self.hindsight < 0 or (self.hindsight and (self.gate or self.canary)):
            raise BadSetting(
                f"policy {self.name!r} cannot use hindsight {self.hindsight}.",
                "Give a number of sessions, without a gate and without a canary.",
            )

    def require_live(self) -> Policy:
        """This policy, if it can be followed by what is known at the time.

        Raises:
            BadSetting: it looks ahead.
        """
        if self.hindsight:
            raise BadSetting(
                f"policy {self.name!r} looks {self.hindsight} sessions ahead: only a replay can run it.",
                "Set EVERGREEN_POLICY to another one.",
            )
        return self

    def with_changes(
        self,
        retrain_after: int | None = None,
        newer_challenger: NewerChallenger | None = None,
        rollback_window: int | None = None,
        ladder: Ladder | None = None,
    ) -> Policy:
        """The policy with what is given in place of its own; a part it leaves out stays left out."""
        trigger = {"retrain_after": retrain_after}
        canary = {"newer_challenger": newer_challenger, "rollback_window": rollback_window, "ladder": ladder}
        return replace(
            self,
            trigger=replace(self.trigger, **_given(trigger)),
            canary=replace(self.canary, **_given(canary)) if self.canary else None,
        )


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _require(part: str, **fine: bool) -> None:
    for name, holds in fine.items():
        if not holds:
            raise BadSetting(f"{name} of the {part} is outside its range.", "See the policy's fields in the docs.")
