from __future__ import annotations

import json

import pytest

from evergreen.core.canary import LADDER, CanaryVerdict, Guardrails, Ladder, Stage, next_stage
from evergreen.errors import BadInput

CLEAN = Guardrails()


def climb(sessions: int, e_rollback: float = 1.0) -> list[str]:
    stage = "shadow"
    seen, clean = [stage], 0
    for _ in range(sessions):
        clean += 1
        step = next_stage(stage, clean, CanaryVerdict.CONTINUE, e_rollback, CLEAN)
        if step.stage != stage:
            stage, clean = step.stage, 0
        seen.append(stage)
    return seen


def test_next_stage__climbs_by_clean_sessions_only() -> None:
    expected = [stage.name for stage in LADDER.stages for _ in range(stage.clean_sessions)]
    assert climb(len(expected) - 1) == expected


def test_next_stage__half_the_clients_wait_for_little_evidence_of_harm() -> None:
    assert climb(30, e_rollback=3.0)[-1] == LADDER.names[-2]
    assert climb(30, e_rollback=2.99)[-1] == LADDER.names[-1]


@pytest.mark.parametrize("stage", LADDER.names[1:])
def test_next_stage__promotes_from_any_stage_that_answered_clients(stage: str) -> None:
    step = next_stage(stage, 1, CanaryVerdict.PROMOTE, 0.5, CLEAN)
    assert (step.stage, step.weight) == ("champion", 10_000)


def test_next_stage__never_promotes_out_of_the_shadow() -> None:
    assert next_stage("shadow", 1, CanaryVerdict.PROMOTE, 0.5, CLEAN).stage == "canary_5"


@pytest.mark.parametrize("stage", LADDER.names)
def test_next_stage__harm_goes_before_promotion(stage: str) -> None:
    broken = Guardrails(broken=("constant output.",))
    assert next_stage(stage, 9, CanaryVerdict.PROMOTE, 0.5, broken).stage == "rolled_back"
    assert "constant output" in next_stage(stage, 9, CanaryVerdict.CONTINUE, 0.5, broken).reason
    assert next_stage(stage, 9, CanaryVerdict.ROLLBACK, 12.0, CLEAN).stage == "rolled_back"


def test_next_stage__missing_guardrail_data_holds_the_challenger_where_it_is() -> None:
    missing = Guardrails(missing=("no requests were counted.",))
    for decision in (CanaryVerdict.PROMOTE, CanaryVerdict.CONTINUE):
        step = next_stage("canary_50", 9, decision, 0.5, missing)
        assert step.stage == "canary_50"
        assert "no requests" in step.reason


def test_next_stage__too_little_evidence_is_a_state_of_its_own() -> None:
    step = next_stage("canary_50", 40, CanaryVerdict.INCONCLUSIVE, 1.0, CLEAN)
    assert (step.stage, step.weight) == ("inconclusive", 0)


@pytest.mark.parametrize("stage", ["champion", "rolled_back", "inconclusive"])
def test_next_stage__an_ended_canary_stays_ended(stage: str) -> None:
    broken = Guardrails(broken=("anything",))
    assert next_stage(stage, 99, CanaryVerdict.ROLLBACK, 99.0, broken).stage == stage


TEN = Ladder((Stage("shadow", 0, clean_sessions=3), Stage("canary_10", 1_000, clean_sessions=1), Stage("half", 5_000)))


def test_next_stage__any_ladder_is_climbed() -> None:
    assert next_stage("shadow", 2, CanaryVerdict.CONTINUE, 1.0, CLEAN, TEN).stage == "shadow"
    step = next_stage("shadow", 3, CanaryVerdict.CONTINUE, 1.0, CLEAN, TEN)
    assert (step.stage, step.weight) == ("canary_10", 1_000)
    assert next_stage("canary_10", 1, CanaryVerdict.CONTINUE, 99.0, CLEAN, TEN).stage == "half"
    assert next_stage("half", 99, CanaryVerdict.CONTINUE, 1.0, CLEAN, TEN).reason.startswith("At the widest exposure")


def test_next_stage__stage_of_another_ladder_is_refused() -> None:
    for stage in ("steady", "canary_25"):
        with pytest.raises(BadInput, match="no canary stage"):
            next_stage(stage, 1, CanaryVerdict.CONTINUE, 1.0, CLEAN, TEN)


@pytest.mark.parametrize(
    ("stages", "problem"),
    [
        ((), "does not begin"),
        ((Stage("canary_5", 500),), "does not begin"),
        ((Stage("shadow", 500),), "does not begin"),
        ((Stage("shadow", 0), Stage("champion", 500)), "reserved"),
        ((Stage("shadow", 0), Stage("a", 500), Stage("a", 600)), "there twice"),
        ((Stage("shadow", 0), Stage("a", 500), Stage("b", 500)), "do not rise"),
        ((Stage("shadow", 0), Stage("a", 10_000)), "do not rise"),
        ((Stage("shadow", 0, clean_sessions=0),), "no clean session"),
    ],
)
def test_ladder__what_is_none_is_refused_in_one_sentence(stages: tuple[Stage, ...], problem: str) -> None:
    with pytest.raises(BadInput, match=problem):
        Ladder(stages)


@pytest.mark.parametrize("ladder", [LADDER, TEN])
def test_ladder__comes_back_from_json(ladder: Ladder) -> None:
    assert Ladder.from_json(json.loads(json.dumps(ladder.to_json(), allow_nan=False))) == ladder


def test_stage__reads_as_its_share_of_clients() -> None:
    assert [stage.label for stage in LADDER.stages] == ["shadow", "5 %", "25 %", "50 %"]
