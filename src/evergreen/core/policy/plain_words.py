"""What each kind of decision means for a person without statistics: one sentence, said before the decision's own."""

from __future__ import annotations

from collections.abc import Mapping

from evergreen.core.policy.kinds import DecisionKind

PLAIN_WORDS: Mapping[DecisionKind, str] = {
    DecisionKind.DRIFT: "The market looks different from what the model learned from.",
    DecisionKind.RETRAIN_REQUESTED: "A new model is asked for.",
    DecisionKind.RETRAIN_CLOSED: "A person called off a new model that was asked for.",
    DecisionKind.GATE: "A new model was compared with the one that serves, on days that neither was trained on.",
    DecisionKind.FIRST_CHAMPION: "The first forecaster serves: tomorrow's price is today's.",
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


def in_plain_words(kind: str) -> str:
    """The sentence of a kind of decision; empty for one that this version does not know."""
    return PLAIN_WORDS[DecisionKind(kind)] if kind in set(DecisionKind) else ""
