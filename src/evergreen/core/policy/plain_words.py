"""What each kind of decision means for a person without statistics, said before its own, and what it changes."""

from __future__ import annotations

from collections.abc import Mapping

from evergreen.core.policy.kinds import DecisionKind

PLAIN_WORDS: Mapping[DecisionKind, str] = {
    DecisionKind.DRIFT: "The market looks different from what the model learned from.",
    DecisionKind.RETRAIN_REQUESTED: "A new model is asked for.",
    DecisionKind.RETRAIN_CLOSED: "A person called off a new model that was asked for.",
    DecisionKind.GATE: "A new model was compared with the one that serves, on days that neither was trained on.",
    DecisionKind.FIRST_CHAMPION: "The first forecaster serves: it says that nothing will change.",
    DecisionKind.PROMOTE: "The new model now answers everybody.",
    DecisionKind.ROLLBACK: "The new model did harm and was taken back; the old one answers everybody.",
    DecisionKind.INCONCLUSIVE: "Its time is up and nothing was proven; the old model stays.",
    DecisionKind.DECLINED: "Its time is up and no gain is to be expected of it; the old model stays.",
    DecisionKind.MISMATCH: "What was served is not what the model says: it was taken back at once.",
    DecisionKind.SUPERSEDED: "A newer model took its place before it was judged.",
    DecisionKind.CANARY_START: "The new model works beside the old one now; no client sees its answers yet.",
    DecisionKind.CANARY: "The new model did no harm so far, and answers more of the clients.",
    DecisionKind.CANARY_REFUSED: "The new model was not let in.",
    DecisionKind.CANARY_QUEUED: "The new model waits until the one before it has been judged.",
    DecisionKind.CANARY_DROPPED: "The new model waited too long and was dropped.",
    DecisionKind.APPROVAL: "A person had a say in a promotion.",
    DecisionKind.QUARANTINE: "A person decided about bars that had been refused.",
}


LOOKED = "The new model was looked at and goes on as it did."


def in_plain_words(kind: str, changed: bool = True) -> str:
    """The sentence of a kind of decision; empty for one that this version does not know.

    `changed` is False for a look that left all as it was.
    """
    if not changed:
        return LOOKED
    return PLAIN_WORDS[DecisionKind(kind)] if kind in set(DecisionKind) else ""


UNCHANGED = "Nothing: it was a look, and left things as they were."
EFFECTS: Mapping[DecisionKind, str] = {
    DecisionKind.DRIFT: "Nothing by itself; what followed stands below.",
    DecisionKind.RETRAIN_REQUESTED: "One more training is waited for. Who serves stays as it was.",
    DecisionKind.RETRAIN_CLOSED: "One training fewer is waited for. Who serves stays as it was.",
    DecisionKind.GATE: "Whether the new model may begin a canary. Who serves stays as it was.",
    DecisionKind.FIRST_CHAMPION: "Who serves: everybody is answered by it.",
    DecisionKind.PROMOTE: "Who serves: everybody is answered by the new model.",
    DecisionKind.ROLLBACK: "Who serves: everybody is answered by the old model.",
    DecisionKind.INCONCLUSIVE: "The canary is over; everybody is answered by the old model.",
    DecisionKind.DECLINED: "The canary is over; everybody is answered by the old model.",
    DecisionKind.MISMATCH: "The canary is over; everybody is answered by the old model.",
    DecisionKind.SUPERSEDED: "The canary is over; a newer model takes its place.",
    DecisionKind.CANARY_START: "The new model forecasts all that is asked, unseen, and is recorded beside the old one.",
    DecisionKind.CANARY: "How many clients the new model answers.",
    DecisionKind.CANARY_REFUSED: "Nothing: who serves stays as it was.",
    DecisionKind.CANARY_QUEUED: "One more model waits for its canary. Who serves stays as it was.",
    DecisionKind.CANARY_DROPPED: "One model fewer waits for its canary. Who serves stays as it was.",
    DecisionKind.APPROVAL: "Whether a promotion may go on.",
    DecisionKind.QUARANTINE: "Which bars the models may see.",
}


def effect_of(kind: str, changed: bool = True) -> str:
    """What a kind of decision changes; `changed` is False for a look that left all as it was."""
    if not changed:
        return UNCHANGED
    return EFFECTS[DecisionKind(kind)] if kind in set(DecisionKind) else ""
