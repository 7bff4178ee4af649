from __future__ import annotations

from evergreen.core.policy.kinds import DecisionKind
from evergreen.core.policy.plain_words import EFFECTS, LOOKED, PLAIN_WORDS, UNCHANGED, effect_of, in_plain_words

JARGON = ("canary", "gate", "champion", "challenger", "drift", "p =", "shadow", "RankIC")


def test_plain_words__every_kind_of_decision_has_a_sentence_without_jargon() -> None:
    assert set(PLAIN_WORDS) == set(DecisionKind)
    assert all(sentence.endswith(".") for sentence in PLAIN_WORDS.values())
    assert not [word for word in JARGON for sentence in PLAIN_WORDS.values() if word in sentence]


def test_plain_words__of_a_kind_from_another_version_are_none() -> None:
    assert in_plain_words("promote") and in_plain_words("of_another_version") == ""


def test_effects__every_kind_of_decision_says_what_it_changes() -> None:
    assert set(EFFECTS) == set(DecisionKind) and effect_of("promote") == EFFECTS[DecisionKind.PROMOTE]
    assert effect_of("of_another_version") == ""


def test_a_look_that_changed_nothing__says_so() -> None:
    assert (in_plain_words("canary", changed=False), effect_of("canary", changed=False)) == (LOOKED, UNCHANGED)
