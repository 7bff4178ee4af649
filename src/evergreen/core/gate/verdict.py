"""What the gate said, for people and for the decision log."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from evergreen.core.evaluation.diebold_mariano import DieboldMariano
from evergreen.core.evaluation.losses import Statistic
from evergreen.core.gate.contest import CLAIMS_NOTHING, Levels
from evergreen.core.gate.place import FIRST, Place

# Honest renewals lay at 0.43 and more, shuffled ones within 0.05 of 0 (docs/experiments/decisions.md): halfway.
LEAST_LIKENESS = 0.25


@dataclass(frozen=True)
class RankIC:
    """Mean per-session RankIC with its 90 % interval."""

    mean: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Coverage:
    """Share of labels inside the intervals, and how far from nominal chance alone may take it."""

    nominal: float
    measured: float
    band: float

    @property
    def within_band(self) -> bool:
        """Whether the measured share lies within the band."""
        return abs(self.measured - self.nominal) <= self.band

    @property
    def sentence(self) -> str:
        """What was measured, against what was to be expected."""
        return (
            f"{self.measured:.1%} of labels fell inside the {self.nominal:.0%} intervals, "
            f"outside {self.nominal:.0%} +- {self.band:.1%}"
        )


@dataclass(frozen=True)
class Verdict:
    """One look of the gate. Everything measured is None when there were too few sessions to look at.

    `margin` and the tests are in units of r, the relative difference of session losses by `statistic`: `test` of the
    challenger against the opponent, `random_walk_test` of the challenger and `champion_test` of the champion against
    the random walk. `kept_share` is the share of the champion's shown skill that is kept for sure. `baseline` is what a
    forecast of 0 is called, of a return the random walk. `renewed`: it is the champion's recipe anew, also by
    `likeness`, the rank correlation of both models' forecasts within the session. `alike` counts the sessions that both
    forecast the same to the bit.
    """

    admitted: bool
    better: bool
    reasons: tuple[str, ...]
    sessions: int
    place: Place = FIRST
    levels: Levels = CLAIMS_NOTHING
    first_session: str | None = None
    last_session: str | None = None
    alike: int = 0
    opponent: str = "champion"
    baseline: str = "the random walk"
    statistic: Statistic | None = None
    renewed: bool = False
    likeness: float | None = None
    margin: float | None = None
    kept_share: float | None = None
    test: DieboldMariano | None = None
    random_walk_test: DieboldMariano | None = None
    champion_test: DieboldMariano | None = None
    loss_champion: float | None = None
    loss_challenger: float | None = None
    skill: float | None = None
    rank_ic_champion: RankIC | None = None
    rank_ic_challenger: RankIC | None = None
    coverage: Coverage | None = None

    @property
    def ends_as_renewal(self) -> bool:
        """Whether its canary ends as that of the champion's recipe anew: what forecasts otherwise has to show itself.

        Beside a champion that never varies there is nothing to be alike to, and nothing to lose.
        """
        return self.place.renewal and (self.likeness is None or self.likeness >= LEAST_LIKENESS)

    @property
    def sentence(self) -> str:
        """The verdict as a person reads it."""
        if self.test is None or self.random_walk_test is None or self.champion_test is None:
            return f"Not admitted: {self.reasons[0]}."
        head = "Admitted to canary" if self.admitted else f"Not admitted: {'; '.join(self.reasons)}"
        measured = self._measured(self.test, self.champion_test)
        return " ".join((f"{head}.", self._plainly(self.random_walk_test), *measured, *self._otherwise()))

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe: numbers that are not finite become None."""
        values = {name: _finite(value) for name, value in asdict(self).items()}
        return values | {"reasons": list(self.reasons), "sentence": self.sentence}

    def _plainly(self, against_walk: DieboldMariano) -> str:
        """What it comes to, in one sentence."""
        if self.kept_share is None:
            return self._beside_the_walk(against_walk)
        if self.renewed and self.likeness is not None:
            return (
                f"Over {self._sessions} the challenger is the champion's recipe trained again: its forecasts "
                f"correlate with the champion's by {self.likeness:.2f}, and {self.levels.retained:.2f} or more keeps "
                "that share of its skill."
            )
        return (
            f"Over {self._sessions} the challenger keeps {_share(self.kept_share)} of the skill that the champion "
            f"has shown over {self.baseline}; {self.levels.retained:.0%} is asked for."
        )

    def _beside_the_walk(self, against_walk: DieboldMariano) -> str:
        none = "" if self.opponent != "champion" else "The champion has shown no skill that could be kept. "
        shown, expected = (against_walk.p_better < level for level in (self.levels.better, self.levels.entry))
        how = "is" if shown else "is expected, not shown, to be" if expected else "is not expected to be"
        return (
            f"{none}Over {self._sessions} the challenger {how} better than {self.baseline} "
            f"({self._level(against_walk)}): its gain is {self._gain(against_walk)}."
        )

    @property
    def _sessions(self) -> str:
        alike = f", {self.alike} of them forecast alike" if self.alike else ""
        return f"{self.sessions} sessions ({self.first_session} to {self.last_session}{alike}), by {self.statistic},"

    def _measured(self, test: DieboldMariano, champion: DieboldMariano) -> tuple[str, ...]:
        if self.opponent != "champion" or self.margin is None:
            return ()
        contest = (
            f"Its gain over the champion is {self._gain(test)}; the champion's over {self.baseline} is "
            f"{self._gain(champion)}."
        )
        claim = "It is better than the champion" if self.better else "It is not claimed to be better than the champion"
        return contest, *self._meaning(self.margin), f"{claim} ({self._level(test)})."

    def _otherwise(self) -> tuple[str, ...]:
        if self.ends_as_renewal or not self.place.renewal or not self.admitted:
            return ()
        return (
            f"It is the champion's recipe trained again, but its forecasts correlate with the champion's by "
            f"{self.likeness:.2f} only, {LEAST_LIKENESS} is expected: nothing but its canary's evidence promotes it.",
        )

    def _level(self, test: DieboldMariano) -> str:
        p = f"p = {test.p_better:.3f}" if test.p_better >= 0.001 else "p < 0.001"
        return f"{p}, shown below {self.levels.better:.4f} for recipe {self.place.number}"

    def _meaning(self, margin: float) -> tuple[str, ...]:
        if not margin:
            return ()
        if self.statistic is Statistic.ORDER:
            return (f"The margin tolerates a RankIC {margin:.4f} lower.",)
        worth = _rank_ic_worth(margin)
        return (f"The margin tolerates {margin:.2%} more loss a session, about what a RankIC of {worth:.3f} is worth.",)

    def _gain(self, test: DieboldMariano) -> str:
        if self.statistic is Statistic.ORDER:
            return f"{test.mean:+.4f} of RankIC, with 90 % confidence {test.lower90:+.4f} or more"
        return f"{test.mean:+.2%} of a session's loss, with 90 % confidence {test.lower90:+.2%} or more"


def _share(share: float) -> str:
    if share >= 1:
        return "all"
    return f"at least {share:.0%}" if share > 0 else "nothing for sure"


def _rank_ic_worth(margin: float) -> float:
    """RankIC worth `margin` of explained variance: R^2 = IC^2, and 6/pi asin(IC/2) for normal returns."""
    return 6.0 / math.pi * math.asin(math.sqrt(min(margin, 1.0)) / 2.0)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
