"""The policy `bad_inputs = "refuse"`: no answer from features that are old, incomplete or of an unknown kind."""

from __future__ import annotations

from evergreen.errors import BadInput, EvergreenError, Unavailable
from evergreen.service.state import ServedModel, Snapshot


def bad_input(snapshot: Snapshot, answering_model: ServedModel, place: int, max_age: int) -> EvergreenError | None:
    """Why the ticker at `place` may not be answered from its features by the model that speaks; None where it may.

    Features older than `max_age` sessions are `Unavailable`: the next session's mend it. Too many missing ones, or ones
    outside what the model was trained on, are `BadInput`.
    """
    inputs, ticker = snapshot.tables[answering_model.version].inputs, snapshot.universe.tickers[place]
    if (age := snapshot.ages[place]) > max_age:
        return Unavailable(
            f"The features of {ticker!r} are {age} sessions old, {max_age} are allowed.",
            "Run `evergreen daily`, or ask again after the next session.",
        )
    if inputs.is_incomplete(place):
        missing = f"{inputs.missing[place]:.0%} of the features of {ticker!r} are missing."
        return BadInput(missing, "Leave the ticker out until it has more history.")
    if inputs.is_out_of_distribution(place):
        outside = f"{inputs.outside[place]:.0%} of the features of {ticker!r} are beyond all in training."
        return BadInput(outside, "Look at its bars: a split or a wrong price shows like this.")
    return None
