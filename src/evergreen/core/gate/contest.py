"""Who is shown to be worth what: challenger, champion and random walk on the same sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from evergreen.core.evaluation.diebold_mariano import DieboldMariano, dm_test
from evergreen.core.evaluation.losses import Statistic, difference
from evergreen.core.evaluation.retention import RETAINED, Retention

MODELS = ("champion", "challenger", "zero")  # columns of a frame of pairs; zero is the random walk


@dataclass(frozen=True)
class Levels:
    """What a challenger must show.

    Attributes:
        better: p below which it is called better, than the champion or the random walk.
        entry: p against the random walk below which it is admitted where the incumbent has shown nothing.
        harm: p below which it is shown to be worse than the champion.
        retained: share of what the champion has shown that must be kept.
    """

    better: float
    entry: float
    harm: float
    retained: float = RETAINED


WORSE = "shown to be worse than the champion"
CLAIMS_NOTHING = Levels(better=0.0, entry=0.0, harm=0.0)


@dataclass(frozen=True)
class Contest:
    """Each test is of r, positive: the first-named is better. `renewed`: the challenger is the champion's recipe anew,
    by what it is made of and by what it forecasts. `baseline`: what a forecast of 0 is called."""

    challenger_over_champion: DieboldMariano
    challenger_over_walk: DieboldMariano
    champion_over_walk: DieboldMariano
    levels: Levels
    renewed: bool = False
    baseline: str = "the random walk"

    @property
    def retention(self) -> Retention:
        """What must be kept of the champion's advantage over the random walk."""
        return Retention(self.champion_over_walk, self.levels.retained)

    @property
    def better(self) -> bool:
        """Whether it is shown to be better than the champion."""
        return self.challenger_over_champion.p_better < self.levels.better

    @property
    def harms(self) -> bool:
        """Whether it is shown to be worse than the champion."""
        return self.challenger_over_champion.p_worse < self.levels.harm

    @property
    def keeps(self) -> bool:
        """Whether it is shown to keep of the champion's skill what is asked for."""
        return self.challenger_over_champion.lower90 > -self.retention.margin

    def objections(self) -> list[str]:
        """Why the challenger may not be tried."""
        return self._to_a_successor() if self.retention.shown else self._to_a_beginner()

    def _to_a_beginner(self) -> list[str]:
        """Where the incumbent has shown nothing."""
        p, entry = self.challenger_over_walk.p_better, self.levels.entry
        objections = [WORSE] if self.harms else []
        if not p < entry:
            too_little = f"too little speaks for it being better than {self.baseline}"
            objections.append(f"{too_little} (p = {p:.2f}, below {entry:.2g} is asked for)")
        return objections

    def _to_a_successor(self) -> list[str]:
        objections = []
        if not self.keeps and (self.harms or not self.renewed):
            unkept = f"not shown to keep {self.levels.retained:.0%} of the champion's skill"
            objections.append(WORSE if self.renewed else unkept)
        if not self.challenger_over_walk.mean > 0:
            objections.append(f"not even level with {self.baseline}")
        return objections


def hold_contest(
    statistic: Statistic, losses: Mapping[str, pd.Series], levels: Levels, renewed: bool, baseline: str
) -> Contest:
    """The contest by the losses of `MODELS` by session, of a statistic."""

    def over(opponent: str, model: str) -> DieboldMariano:
        return dm_test(difference(statistic, losses[opponent], losses[model]))

    tests = over("champion", "challenger"), over("zero", "challenger"), over("zero", "champion")
    return Contest(*tests, levels, renewed, baseline)
