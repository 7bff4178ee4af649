from __future__ import annotations

import pytest

from evergreen.core.canary import LADDER
from evergreen.core.drift import Cause
from evergreen.core.policy import SHIPPED, Policy, choose, parse_policies
from evergreen.errors import BadSetting

POLICIES = parse_policies(SHIPPED.read_text())


def test_shipped_policies__are_the_seven_and_default_is_what_the_code_defaults_to() -> None:
    assert list(POLICIES) == ["default", "never", "calendar", "drift", "skill", "eager", "oracle"]
    assert POLICIES["default"] == Policy("default")
    assert POLICIES["never"].trigger.causes == ()
    assert POLICIES["skill"].trigger.causes == (Cause.LOSS_OF_SKILL,)
    assert POLICIES["eager"].gate is None and POLICIES["eager"].canary is None


def test_choose__a_calendar_takes_its_number_of_sessions() -> None:
    assert choose(POLICIES, "calendar:250").trigger.every == 250
    assert choose(POLICIES, "calendar:250").name == "calendar:250"
    assert choose(POLICIES, "calendar").trigger.every == 20


@pytest.mark.parametrize("name", ["weekly", "default:20", "calendar:0", "calendar:often", "calendar:"])
def test_choose__what_is_no_policy_is_refused(name: str) -> None:
    with pytest.raises(BadSetting):
        choose(POLICIES, name)


def test_require_live__only_a_policy_that_looks_ahead_is_refused() -> None:
    with pytest.raises(BadSetting, match="60 sessions ahead: only a replay"):
        POLICIES["oracle"].require_live()
    assert POLICIES["default"].require_live() is POLICIES["default"]


def test_parse__a_person_adds_a_stage_in_one_place() -> None:
    text = """
    [careful]
    trigger.looks = "daily"
    gate.sessions = 500
    canary.t_max = 90
    canary.ladder = [
      { name = "shadow", weight = 0 },
      { name = "canary_10", weight = 1000, clean_sessions = 3 },
      { name = "canary_50", weight = 5000, e_rollback_limit = 2 },
    ]
    """
    policy = parse_policies(text)["careful"]
    assert policy.trigger.looks == "daily" and policy.gate is not None and policy.gate.sessions == 500
    assert policy.canary is not None and policy.canary.ladder.names == ("shadow", "canary_10", "canary_50")
    assert policy.canary.ladder != LADDER and policy.canary.ladder.stage("canary_50").e_rollback_limit == 2.0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[a", "no TOML"),
        ("a = 1", "no table"),
        ("[a]\nspeed = 1", "no field 'speed'"),
        ("[a]\ntrigger.hour = 1", "trigger of policy 'a' has no field 'hour'"),
        ("[a]\ntrigger = false", "no table"),
        ("[a]\ngate.alpha = '5 %'", "alpha of the gate of policy 'a' is '5 %'"),
        ("[a]\ngate.alpha = 2", "policy 'a': alpha of the gate is outside"),
        ("[a]\ngate.sessions = true", "is True"),
        ("[a]\ntrigger.causes = ['boredom']", "boredom"),
        ("[a]\ntrigger.causes = ['vendor_fault']", "no cause of a retraining"),
        ("[a]\ntrigger.every = 20", "calendar"),
        ("[a]\ntrigger.causes = ['calendar']", "calendar"),
        ("[a]\ncanary.undecided = 'toss a coin'", "undecided"),
        ("[a]\ncanary.ladder = [{ name = 'shadow' }]", "ladder of the canary"),
        ("[a]\ncanary.ladder = [{ name = 'shadow', weight = 0, hours = 3 }]", "no field 'hours'"),
        ("[a]\nhindsight = 60", "hindsight"),
        ("[a]\nhindsight = '60'", "hindsight"),
    ],
)
def test_parse__what_is_not_known_is_refused_in_one_sentence(text: str, problem: str) -> None:
    with pytest.raises(BadSetting, match=problem) as refused:
        parse_policies(text)
    assert "\n" not in str(refused.value)
