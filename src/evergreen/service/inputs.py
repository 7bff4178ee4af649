"""The policy `bad_inputs = "refuse"`: no answer from features that are old, incomplete or of an unknown kind."""

from __future__ import annotations

from collections.abc import Sequence

from evergreen.errors import BadInput, Unavailable
from evergreen.service.state import ServedModel, Snapshot


def require_good_inputs(snapshot: Snapshot, answering_model: ServedModel, places: Sequence[int], max_age: int) -> None:
    """Pass only where every ticker's features may be answered from by the model that speaks.

    Raises:
        Unavailable: features are older than `max_age` sessions; the next session's mend it.
        BadInput: too many are missing, or lie outside what the model was trained on.
    """
    inputs, tickers = snapshot.tables[answering_model.version].inputs, snapshot.universe.tickers
    for place in places:
        if (age := snapshot.ages[place]) > max_age:
            raise Unavailable(
                f"The features of {tickers[place]!r} are {age} sessions old, {max_age} are allowed.",
                "Run `evergreen daily`, or ask again after the next session.",
            )
        if inputs.is_incomplete(place):
            missing = f"{inputs.missing[place]:.0%} of the features of {tickers[place]!r} are missing."
            raise BadInput(missing, "Leave the ticker out until it has more history.")
        if inputs.is_out_of_distribution(place):
            outside = f"{inputs.outside[place]:.0%} of the features of {tickers[place]!r} are beyond all in training."
            raise BadInput(outside, "Look at its bars: a split or a wrong price shows like this.")
