from __future__ import annotations

import pytest

from evergreen.core.canary import Decision, Guardrails, Stage, StagePolicy, next_stage
from evergreen.errors import BadInput

CLEAN = Guardrails()


def climb(sessions: int, e_rollback: float = 1.0) -> list[Stage]:
    stage: Stage = "shadow"
    seen, clean = [stage], 0
    for _ in range(sessions):
        clean += 1
        step = next_stage(stage, clean, Decision.CONTINUE, e_rollback, CLEAN)
        if step.stage != stage:
            stage, clean = step.stage, 0
        seen.append(stage)
    return seen


def test_next_stage__climbs_by_clean_sessions_only() -> None:
    expected = ["shadow"] + ["canary_5"] * 5 + ["canary_25"] * 5 + ["canary_50"] * 3
    assert climb(13) == expected


def test_next_stage__half_the_clients_wait_for_little_evidence_of_harm() -> None:
    assert climb(30, e_rollback=3.0)[-1] == "canary_25"
    assert climb(30, e_rollback=2.99)[-1] == "canary_50"


@pytest.mark.parametrize("stage", ["canary_5", "canary_25", "canary_50"])
def test_next_stage__promotes_from_any_stage_that_answered_clients(stage: Stage) -> None:
    step = next_stage(stage, 1, Decision.PROMOTE, 0.5, CLEAN)
    assert (step.stage, step.weight) == ("champion", 10_000)


def test_next_stage__never_promotes_out_of_the_shadow() -> None:
    assert next_stage("shadow", 1, Decision.PROMOTE, 0.5, CLEAN).stage == "canary_5"


@pytest.mark.parametrize("stage", ["shadow", "canary_5", "canary_25", "canary_50"])
def test_next_stage__harm_goes_before_promotion(stage: Stage) -> None:
    broken = Guardrails(broken=("constant output.",))
    assert next_stage(stage, 9, Decision.PROMOTE, 0.5, broken).stage == "rolled_back"
    assert "constant output" in next_stage(stage, 9, Decision.CONTINUE, 0.5, broken).reason
    assert next_stage(stage, 9, Decision.ROLLBACK, 12.0, CLEAN).stage == "rolled_back"


def test_next_stage__missing_guardrail_data_holds_the_challenger_where_it_is() -> None:
    missing = Guardrails(missing=("no requests were counted.",))
    for decision in (Decision.PROMOTE, Decision.CONTINUE):
        step = next_stage("canary_50", 9, decision, 0.5, missing)
        assert step.stage == "canary_50"
        assert "no requests" in step.reason


def test_next_stage__too_little_evidence_is_a_state_of_its_own() -> None:
    step = next_stage("canary_50", 40, Decision.INCONCLUSIVE, 1.0, CLEAN)
    assert (step.stage, step.weight) == ("inconclusive", 0)


@pytest.mark.parametrize("stage", ["champion", "rolled_back", "inconclusive"])
def test_next_stage__an_ended_canary_stays_ended(stage: Stage) -> None:
    broken = Guardrails(broken=("anything",))
    assert next_stage(stage, 99, Decision.ROLLBACK, 99.0, broken).stage == stage


def test_next_stage__policy_is_configuration() -> None:
    policy = StagePolicy(shadow_sessions=3)
    assert next_stage("shadow", 2, Decision.CONTINUE, 1.0, CLEAN, policy).stage == "shadow"
    assert next_stage("shadow", 3, Decision.CONTINUE, 1.0, CLEAN, policy).stage == "canary_5"


def test_next_stage__unknown_stage_is_refused() -> None:
    with pytest.raises(BadInput, match="no canary stage"):
        next_stage("steady", 1, Decision.CONTINUE, 1.0, CLEAN)  # type: ignore[arg-type]
