"""Every branch of `decide`, on states built by hand; sessions are plain numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from evergreen.core.canary import LADDER, CanaryVerdict, Guardrails
from evergreen.core.drift import Cause, Reaction
from evergreen.core.gate.verdict import Verdict
from evergreen.core.policy import (
    SHIPPED,
    Action,
    CanaryLook,
    CanaryPolicy,
    DecisionKind,
    DeliveryState,
    Evidence,
    GuardrailsBroken,
    Judged,
    PlaceFreed,
    Policy,
    Retraining,
    SessionWatch,
    WatchFinding,
    after_training,
    apply,
    choose,
    decide,
    is_look,
    parse_policies,
)

POLICIES = parse_policies(SHIPPED.read_text())
DEFAULT = POLICIES["default"]
SERVING = DeliveryState(champion="1", last_trained=0, last_reset=0)
ADMITTED = Verdict(admitted=True, better=False, reasons=(), sessions=250)
REFUSED = replace(ADMITTED, admitted=False, reasons=("shown worse than the champion",))


def judged(version: str = "2", session: int = 10, verdict: Verdict = ADMITTED, **more: object) -> Judged:
    return Judged(session, f"day {session}", version, "1", verdict, **more)  # type: ignore[arg-type]


def lost(session: int = 100) -> WatchFinding:
    return WatchFinding(session, f"day {session}", "no_drift", "Lost.", Cause.LOSS_OF_SKILL, Reaction.RETRAIN)


def seen(session: int, verdict: CanaryVerdict = CanaryVerdict.CONTINUE, **more: object) -> CanaryLook:
    return CanaryLook(session, f"day {session}", verdict, 1.0, **more)  # type: ignore[arg-type]


def after(policy: Policy, state: DeliveryState, evidence: Evidence) -> tuple[DeliveryState, list[str | None]]:
    """The state after all that is decided, and the kinds of it."""
    actions = decide(policy, state, evidence)
    for action in actions:
        state = apply(state, action)
    return state, kinds(actions)


def kinds(actions: Iterable[Action]) -> list[str | None]:
    return [None if action.kind is None else action.kind.value for action in actions]


def in_canary(version: str = "2", policy: Policy = DEFAULT) -> DeliveryState:
    return after(policy, SERVING, judged(version))[0]


def test_first_model__takes_over_from_the_random_walk_at_once() -> None:
    state, what = after(DEFAULT, SERVING, judged(first=True))
    assert what == ["promote"] and (state.champion, state.previous_champion) == ("2", "1")
    assert state.window_end is None, "the random walk does not come back"


def test_judged__not_admitted_changes_nothing() -> None:
    (action,) = decide(DEFAULT, SERVING, judged(verdict=REFUSED))
    assert action.kind is None and action.outcome == "version 2 was not admitted: shown worse than the champion"
    assert apply(SERVING, action) == SERVING


def test_judged__admitted_goes_into_shadow_and_has_one_turn() -> None:
    state = in_canary()
    assert (state.challenger, state.stage, state.weight, state.stage_session) == ("2", "shadow", 0, 10)
    (again,) = decide(DEFAULT, state, judged())
    assert again.outcome == "version 2 is in canary"
    ended = apply(state, decide(DEFAULT, state, seen(11, CanaryVerdict.ROLLBACK))[0])
    (late,) = decide(DEFAULT, ended, judged(session=12))
    assert late.kind is None and "had its turn in session day 10" in late.outcome


def test_judged__hopeless_canary_is_refused() -> None:
    state, what = after(DEFAULT, SERVING, judged(refusal="It would see nothing."))
    assert what == ["canary_refused"] and state.challenger is None


def test_newer_challenger__waits_and_begins_when_the_place_is_free() -> None:
    state, what = after(DEFAULT, in_canary(), judged("3", 12, plan="It sees much."))
    assert what == ["canary_queued"] and [one.version for one in state.queue] == ["3"]
    assert decide(DEFAULT, state, judged("3", 12))[0].kind is None, "waiting already"
    assert decide(DEFAULT, state, PlaceFreed(13, "day 13")) == ()
    state, _ = after(DEFAULT, state, seen(13, CanaryVerdict.ROLLBACK))
    state, what = after(DEFAULT, state, PlaceFreed(13, "day 13"))
    assert what == ["canary_start"] and (state.challenger, state.queue) == ("3", ())


def test_newer_challenger__admitted_against_a_former_champion_is_let_go() -> None:
    state, _ = after(DEFAULT, in_canary(), judged("3", 12))
    state = replace(state, champion="2", challenger=None, stage="steady")
    state, what = after(DEFAULT, state, PlaceFreed(13, "day 13"))
    assert what == ["canary_dropped"] and state.queue == () and state.challenger is None


def test_newer_challenger__supersedes_where_the_policy_says_so() -> None:
    policy = replace(DEFAULT, canary=CanaryPolicy(newer_challenger="supersede"))
    state, what = after(policy, in_canary(), judged("3", 12))
    assert what == ["superseded", "canary_start"] and state.challenger == "3" and state.champion == "1"
    assert state.last_reset == 0, "a superseded canary says nothing of drift"


def test_canary__climbs_by_clean_sessions_and_is_promoted() -> None:
    state, stages = in_canary(), []
    climb = [stage.name for stage in LADDER.stages[1:] for _ in range(stage.clean_sessions)]
    last = 10 + len(climb)
    for session in range(11, last + 1):
        state, _ = after(DEFAULT, state, seen(session))
        stages.append(state.stage)
    assert stages == climb
    assert decide(DEFAULT, state, seen(last))[0].outcome == f"looked at already in session day {last}"
    (promoted,) = decide(DEFAULT, state, seen(last + 1, CanaryVerdict.PROMOTE))
    assert promoted.sentence.endswith("guardrails clean.") and not promoted.sentence.endswith("..")
    state = apply(state, promoted)
    assert (state.champion, state.previous_champion, state.challenger, state.window_end) == ("2", "1", None, last + 6)


def test_canary__promotion_waits_for_an_objection_to_go() -> None:
    state, _ = after(DEFAULT, in_canary(), seen(11))
    state, what = after(DEFAULT, state, seen(12, CanaryVerdict.PROMOTE, objection="Waiting for a person."))
    assert what == ["canary"] and (state.challenger, state.stage, state.weight) == ("2", "canary_5", 500)


def test_canary__harm_goes_before_an_objection() -> None:
    broken = Guardrails(broken=("constant output.",))
    state, what = after(DEFAULT, in_canary(), seen(11, CanaryVerdict.PROMOTE, guardrails=broken, objection="No."))
    assert what == ["rollback"] and state.champion == "1" and state.last_reset == 11


@pytest.mark.parametrize(
    ("undecided", "champion", "kind"), [("hold", "1", "inconclusive"), ("promote", "2", "promote")]
)
def test_canary__undecided_ends_as_the_policy_says(undecided: str, champion: str, kind: str) -> None:
    policy = replace(DEFAULT, canary=CanaryPolicy(undecided=undecided))  # type: ignore[arg-type]
    state, _ = after(policy, in_canary(), seen(11))
    state, what = after(policy, state, seen(70, CanaryVerdict.INCONCLUSIVE))
    assert what == [kind] and state.champion == champion and state.challenger is None


@pytest.mark.parametrize(
    ("gain", "contradicted", "harm", "kind"),
    [
        (0.01, False, 1.5, "promote"),
        (-0.01, False, 1.5, "declined"),
        (0.01, True, 1.5, "declined"),
        (0.01, False, 3, "declined"),
    ],
)
def test_canary__a_renewal_takes_over_by_what_is_to_be_expected_unless_something_speaks_against_it(
    gain: float, contradicted: bool, harm: float, kind: str
) -> None:
    state, _ = after(DEFAULT, in_canary(), seen(11))
    short = seen(70, CanaryVerdict.INCONCLUSIVE)
    last = replace(short, renewed=True, expected_gain=gain, contradicted=contradicted, highest_e_rollback=harm)
    assert after(DEFAULT, state, last)[1] == [kind]
    assert after(DEFAULT, state, replace(last, renewed=False))[1] == ["inconclusive"]


def test_canary__evidence_from_a_record_that_its_sessions_belie_promotes_nobody() -> None:
    state, _ = after(DEFAULT, in_canary(), seen(11))
    believed = seen(30, CanaryVerdict.PROMOTE)
    assert after(DEFAULT, replace(state, weight=500, stage="canary_5"), believed)[1] == ["promote"]
    belied = replace(believed, contradicted=True)
    assert after(DEFAULT, replace(state, weight=500, stage="canary_5"), belied)[1] == ["declined"]


def test_guardrails_broken__end_a_canary_and_bring_the_champion_back_within_its_window_only() -> None:
    state, what = after(DEFAULT, in_canary(), GuardrailsBroken(11, "day 11", ("constant output.",)))
    assert what == ["rollback"] and (state.champion, state.challenger) == ("1", None)
    fresh = DeliveryState(champion="2", previous_champion="1", window_end=29)
    back, what = after(DEFAULT, fresh, GuardrailsBroken(28, "day 28", ("constant output.",)))
    assert what == ["rollback"] and (back.champion, back.previous_champion) == ("1", "2")
    assert decide(DEFAULT, fresh, GuardrailsBroken(29, "day 29", ("constant output.",))) == ()


def test_finding__starts_one_retraining_and_the_next_waits_longer() -> None:
    state, what = after(DEFAULT, SERVING, lost(100))
    assert what == ["drift", "retrain_requested"] and state.retraining
    assert decide(DEFAULT, state, lost(105))[0].outcome == "A retraining is under way already."
    state = after_training(state, 100, "2")
    assert "20 are waited" not in decide(DEFAULT, state, lost(119))[0].outcome
    assert "40 are waited after 1 in a row" in decide(DEFAULT, state, lost(119))[0].outcome
    state, what = after(DEFAULT, state, lost(140))
    assert what == ["drift", "retrain_requested"] and state.retrainings[0].generation == 1


def test_finding__a_challenger_that_won_starts_the_count_anew() -> None:
    state = after_training(after(DEFAULT, SERVING, lost(100))[0], 100, "2")
    state, _ = after(DEFAULT, state, judged(session=100))
    assert decide(DEFAULT, state, lost(110))[0].outcome.startswith("A canary is running")
    state, _ = after(DEFAULT, state, seen(101))
    state, _ = after(DEFAULT, state, seen(110, CanaryVerdict.PROMOTE))
    assert state.retrainings == (Retraining(100, 0, "2", won=True),)
    assert after(DEFAULT, state, lost(120))[1] == ["drift", "retrain_requested"]


def test_watch__data_at_fault_starts_no_retraining() -> None:
    (action,) = decide(DEFAULT, SERVING, SessionWatch(300, "day 300", skill="lost", refused=0.5))
    assert action.kind is DecisionKind.DRIFT and action.cause == "vendor_fault" and action.numbers["refused"] == 0.5


@pytest.mark.parametrize(
    ("name", "watch", "expected"),
    [
        ("default", SessionWatch(249, "", skill="unproven"), [None]),
        ("default", SessionWatch(250, "", skill="unproven"), ["drift", "retrain_requested"]),
        ("default", SessionWatch(30, "", skill="lost"), ["drift", "retrain_requested"]),
        ("never", SessionWatch(900, "", skill="lost"), [None]),
        ("drift", SessionWatch(900, "", skill="lost"), [None]),
        ("skill", SessionWatch(900, "", skill="lost"), ["drift", "retrain_requested"]),
        ("skill", SessionWatch(900, "", skill="unproven"), [None]),
        ("calendar:5", SessionWatch(4, "", skill="lost"), [None]),
        ("calendar:5", SessionWatch(5, "", skill="held", refused=0.9), ["drift", "retrain_requested"]),
    ],
)
def test_watch__only_the_policys_own_causes_start_a_retraining(
    name: str, watch: SessionWatch, expected: list[str | None]
) -> None:
    assert kinds(decide(choose(POLICIES, name), SERVING, watch)) == expected


def test_calendar__retrains_and_deploys_every_so_many_sessions() -> None:
    policy, state, deployed = choose(POLICIES, "calendar:5"), SERVING, []
    for session in range(1, 21):
        if is_look(policy, state, session, ends_week=False):
            state, _ = after(policy, state, SessionWatch(session, str(session)))
            state = after_training(state, session, f"v{session}")
            state, _ = after(policy, state, judged(f"v{session}", session, REFUSED))
            deployed.append((session, state.champion))
    assert deployed == [(5, "v5"), (10, "v10"), (15, "v15"), (20, "v20")]


def test_looks__once_a_week_unless_the_policy_says_daily() -> None:
    daily = replace(DEFAULT, trigger=replace(DEFAULT.trigger, looks="daily"))
    assert [is_look(DEFAULT, SERVING, 7, ends) for ends in (False, True)] == [False, True]
    assert is_look(daily, SERVING, 7, ends_week=False)


@pytest.mark.parametrize(("hindsight", "champion"), [(0.01, "2"), (-0.01, "1"), (None, "1")])
def test_oracle__takes_the_better_one_whatever_the_gate_says(hindsight: float | None, champion: str) -> None:
    state, _ = after(POLICIES["oracle"], SERVING, judged(verdict=REFUSED, hindsight=hindsight))
    assert state.champion == champion
