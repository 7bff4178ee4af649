"""The record of forecasts that were made elsewhere: those known in time, as any model's walk-forward record."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from evergreen.core.dataset.panel import training_frame
from evergreen.core.model.aim import Aim
from evergreen.core.model.delivered import FEATURE, DeliveredForecasts
from evergreen.core.model.deliveries import MOST_MISSING, Arrivals
from evergreen.core.model.given import judge_given
from evergreen.core.model.targets.registry import target
from evergreen.core.model.training import Training
from evergreen.errors import BadInput

MOST_OF_OUTCOMES = 2.0  # times the outcomes: beyond it, even what is right in every direction errs more than zero does


def judge_delivered(
    model: DeliveredForecasts, arrivals: Arrivals, labels: pd.Series, named: pd.MultiIndex, aim: Aim, tried: int = 1
) -> Training:
    """A record of what was known in time, and what a server needs to know.

    Args:
        model: where it came from.
        arrivals: what of it counts.
        labels: of every bar here, MultiIndex (company, session).
        named: the same bars under the names that companies had then, in which forecasts are delivered.
        aim: what the labels are of.
        tried: models that this one was chosen from, itself included; the gate counts each.

    Raises:
        BadInput: none was in time, too many are missing, less than a month of sessions has an outcome, or returns are
            not of the outcomes' size.
    """
    if arrivals.in_time.empty:
        raise BadInput(f"no forecast counts: {arrivals.sentence}", "One counts if known before the next session opens.")
    if arrivals.missing > MOST_MISSING * arrivals.expected:
        raise BadInput(
            f"more than {MOST_MISSING:.0%} are missing: {arrivals.sentence}",
            "Whoever answers clients answers for every ticker: deliver all that the installation has bars of.",
        )
    delivered = arrivals.in_time.set_index(["ticker", "session"])["forecast"].reindex(named).set_axis(labels.index)
    if target(aim.target).is_return:
        _require_size(delivered, labels)
    days = pd.DatetimeIndex(labels.index.get_level_values("session"))
    first = days[delivered.notna()].min()
    judged = (days < first) | delivered.notna()
    rows = training_frame(delivered[judged].to_frame(FEATURE), labels[judged])
    training = judge_given(model, rows, max(days[days < first], default=first), aim, tried)
    golden = training.seen.golden[np.isfinite(training.seen.golden).all(axis=1)]  # of what is missing it says nothing
    return replace(training, seen=replace(training.seen, golden=golden), metrics=training.metrics | arrivals.metrics)


def _require_size(delivered: pd.Series, labels: pd.Series) -> None:
    """Refuse what is no log return by its size: in percent it is a hundred times too large."""
    both = delivered.notna() & labels.notna()
    forecast, outcome = delivered[both].abs().median(), labels[both].abs().median()
    if forecast > MOST_OF_OUTCOMES * outcome > 0:
        raise BadInput(
            f"the forecasts are no log returns: half of them lie beyond {forecast:.2g}, of the outcomes beyond "
            f"{outcome:.2g}.",
            "Deliver log(price then / close of the session), 0.01 for a percent.",
        )
