"""Where delivery stands, and how an action changes it. Sessions are numbers of a count that the driver keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from evergreen.core.canary.stages import SHADOW, STEADY
from evergreen.core.drift import Triggered
from evergreen.core.policy.kinds import HAD_ITS_TURN, LEFT_THE_QUEUE, RESETS_DRIFT, DecisionKind


@dataclass(frozen=True)
class Waiting:
    """An admitted version that waits for the running canary to end.

    `champion`: whom it was admitted against. `refusal`: why its canary would be hopeless, empty if it is not; `plan`:
    what its canary can see.
    """

    version: str
    champion: str
    refusal: str = ""
    plan: str = ""


@dataclass(frozen=True)
class Retraining:
    """A retraining that a trigger started in session `session`; `version` is empty until it is trained."""

    session: int
    generation: int = 0
    version: str = ""
    won: bool = False

    def triggered(self, session: int) -> Triggered:
        """As the limits on retraining see it at `session`."""
        return Triggered(session - self.session, self.generation, self.won)


@dataclass(frozen=True)
class DeliveryState:
    """All that decisions rest on beside the evidence of the moment.

    Attributes:
        champion: the version that serves.
        challenger: the version in canary.
        previous_champion: the champion before.
        stage: of the running canary, `steady` without one.
        weight: the challenger's share of clients in basis points.
        stage_session: the session in which the stage began.
        looked: the last session whose look at the running canary is in.
        queue: versions that wait for the running canary to end, the longest waiting first.
        turns: versions that had their turn, with the session (as a person reads it).
        retrainings: what triggers started, newest first, without one of the present session.
        retraining: whether one is under way.
        last_trained: the session in which a model was last trained, whoever asked for it.
        last_reset: the last session, before the present one, with a training or a canary that did not end in office.
        window_end: a broken guardrail brings the previous champion back before this session.
    """

    champion: str
    challenger: str | None = None
    previous_champion: str | None = None
    stage: str = STEADY
    weight: int = 0
    stage_session: int = 0
    looked: int | None = None
    queue: tuple[Waiting, ...] = ()
    turns: Mapping[str, str] = field(default_factory=dict)
    retrainings: tuple[Retraining, ...] = ()
    retraining: bool = False
    last_trained: int | None = None
    last_reset: int | None = None
    window_end: int | None = None


@dataclass(frozen=True, kw_only=True)
class Action:
    """One thing to do, in the order given.

    Attributes:
        kind: under which it is written down; None: nothing changes and nothing is written.
        session: the number of its session.
        as_of: the same session as a person reads it.
        version: what it is about.
        sentence: the decision in one sentence, as the decision log has it.
        outcome: what came of it, or why, in short.
        champion: who serves everybody after it; empty when that does not change.
        stage: of the challenger after it, a stage of the ladder or a final one.
        weight: its share of clients in basis points.
        moved: whether the stage changed.
        rollback_window: sessions in which a broken guardrail brings the previous champion back.
        generation: of a retraining: how many in a row before it won nothing.
        cause: of a finding or a retraining.
        waiting: what is to be known of a version that waits.
        numbers: of the evidence it was decided on.
    """

    kind: DecisionKind | None
    session: int
    as_of: str = ""
    version: str = ""
    sentence: str = ""
    outcome: str = ""
    champion: str = ""
    stage: str = ""
    weight: int = 0
    moved: bool = False
    rollback_window: int = 0
    generation: int = 0
    cause: str = ""
    waiting: Waiting | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)


def apply(state: DeliveryState, action: Action) -> DeliveryState:
    """The state once `action` is done."""
    if action.kind is DecisionKind.RETRAIN_REQUESTED:
        started = Retraining(action.session, action.generation)
        return replace(state, retraining=True, retrainings=(started, *state.retrainings))
    if action.kind in HAD_ITS_TURN:
        state = replace(state, turns={**state.turns, action.version: action.as_of or str(action.session)})
    if action.kind in LEFT_THE_QUEUE:
        state = replace(state, queue=tuple(one for one in state.queue if one.version != action.version))
    if action.kind is DecisionKind.CANARY_QUEUED and action.waiting:
        return replace(state, queue=(*state.queue, action.waiting))
    if action.kind is DecisionKind.CANARY_START:
        return _begin_canary(state, action)
    if action.kind is DecisionKind.CANARY:
        began = action.session if action.moved else state.stage_session
        return replace(state, stage=action.stage, weight=action.weight, stage_session=began, looked=action.session)
    return _settle(state, action) if action.champion else state


def after_training(state: DeliveryState, session: int, version: str) -> DeliveryState:
    """The state once a version has been trained in `session`, before it is judged."""
    trained = state.retrainings
    if state.retraining and trained:
        trained = (replace(trained[0], version=version), *trained[1:])
    return replace(state, retraining=False, retrainings=trained, last_trained=session, last_reset=session)


def _begin_canary(state: DeliveryState, action: Action) -> DeliveryState:
    return replace(
        state,
        challenger=action.version,
        stage=SHADOW,
        weight=0,
        stage_session=action.session,
        looked=action.session,
        window_end=None,
    )


def _settle(state: DeliveryState, action: Action) -> DeliveryState:
    """Whatever ran has ended, and one version serves everybody."""
    changed = action.champion != state.champion
    won = action.champion if action.kind is DecisionKind.PROMOTE else ""
    return replace(
        state,
        champion=action.champion,
        previous_champion=state.champion if changed else state.previous_champion,
        challenger=None,
        stage=STEADY,
        weight=0,
        stage_session=action.session,
        retrainings=tuple(replace(one, won=one.won or (bool(won) and one.version == won)) for one in state.retrainings),
        last_reset=action.session if action.kind in RESETS_DRIFT else state.last_reset,
        window_end=action.session + action.rollback_window if action.rollback_window else None,
    )
