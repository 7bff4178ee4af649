from __future__ import annotations

import itertools

import pytest

from evergreen.core.drift import RULES, TRIGGERS, Cause, Reaction, Signs, cause


@pytest.mark.parametrize(
    ("signs", "expected", "reaction"),
    [
        (Signs(False, "held"), Cause.NONE, Reaction.NOTHING),
        (Signs(False, "unproven"), Cause.NONE, Reaction.NOTHING),
        (Signs(True, "held"), Cause.COVARIATE_SHIFT, Reaction.WATCH),
        (Signs(True, "unproven"), Cause.COVARIATE_SHIFT, Reaction.RETRAIN),
        (Signs(False, "lost"), Cause.LOSS_OF_SKILL, Reaction.RETRAIN),
        (Signs(True, "lost"), Cause.LOSS_OF_SKILL, Reaction.RETRAIN),
        (Signs(True, "lost", refused=0.02), Cause.VENDOR_FAULT, Reaction.BLOCK),
        (Signs(True, "lost", refused=0.01, missing=0.1), Cause.LOSS_OF_SKILL, Reaction.RETRAIN),
        (Signs(False, "held", aged=True), Cause.OLD_AGE, Reaction.RETRAIN),
        (Signs(True, "held", aged=True), Cause.OLD_AGE, Reaction.RETRAIN),
        (Signs(False, "held", aged=True, missing=0.5), Cause.VENDOR_FAULT, Reaction.BLOCK),
        (Signs(True, "lost", missing=0.5), Cause.VENDOR_FAULT, Reaction.BLOCK),
        (Signs(True, "lost", refused=0.5, unadjusted=("AAPL",)), Cause.CORPORATE_ACTION, Reaction.REPAIR),
    ],
)
def test_cause__decides_the_reaction(signs: Signs, expected: Cause, reaction: Reaction) -> None:
    judged = cause(signs)
    assert (judged.cause, judged.reaction) == (expected, reaction)
    assert judged.sentence.endswith(".")


def test_cause__never_retrains_on_broken_data() -> None:
    for drift, skill in itertools.product((True, False), ("lost", "unproven", "held")):
        for broken in (Signs(drift, skill, refused=0.02), Signs(drift, skill, unadjusted=("IBM",))):  # type: ignore[arg-type]
            assert cause(broken).reaction is not Reaction.RETRAIN


def test_triggers__are_the_causes_whose_rules_ask_for_a_retraining_in_their_order() -> None:
    assert tuple(dict.fromkeys(rule.cause for rule in RULES if rule.reaction is Reaction.RETRAIN)) == TRIGGERS
