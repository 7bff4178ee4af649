"""Who is shown to be worth what: challenger, champion and random walk on the same sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from evergreen.core.evaluation.diebold_mariano import DieboldMariano, dm_test
from evergreen.core.evaluation.losses import Statistic, difference
from evergreen.core.evaluation.retention import Retention

MODELS = ("champion", "challenger", "zero")  # columns of a frame of pairs; zero is the random walk


@dataclass(frozen=True)
class Contest:
    """Each test is of r, positive: the first-named is better. `spent`: the level at which "better" is claimed."""

    challenger_over_champion: DieboldMariano
    challenger_over_walk: DieboldMariano
    retention: Retention
    spent: float

    @property
    def beats_walk(self) -> bool:
        """Whether the challenger is shown to be better than the random walk."""
        return self.challenger_over_walk.p_better < self.spent

    @property
    def better(self) -> bool:
        """Whether it is shown to be better than the champion."""
        return self.challenger_over_champion.p_better < self.spent

    def objections(self) -> list[str]:
        """Why the challenger may not be tried."""
        if not self.retention.shown:
            return [] if self.beats_walk else ["not shown to be better than the random walk"]
        objections = []
        if not self.challenger_over_champion.lower90 > -self.retention.margin:
            objections.append(f"not shown to keep {self.retention.retained:.0%} of the champion's skill")
        if not self.challenger_over_walk.mean > 0:
            objections.append("not even level with the random walk")
        return objections


def hold_contest(statistic: Statistic, losses: Mapping[str, pd.Series], retained: float, spent: float) -> Contest:
    """The contest by the losses of `MODELS` by session, of a statistic."""

    def over(opponent: str, model: str) -> DieboldMariano:
        return dm_test(difference(statistic, losses[opponent], losses[model]))

    advantage = over("zero", "champion")
    return Contest(over("champion", "challenger"), over("zero", "challenger"), Retention(advantage, retained), spent)
