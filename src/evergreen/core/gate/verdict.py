"""What the gate said, for people and for the decision log."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from evergreen.core.evaluation.diebold_mariano import DieboldMariano


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

    `margin`, `scale` and the tests are in units of r, the relative difference of session losses.
    """

    admitted: bool
    better: bool
    reasons: tuple[str, ...]
    sessions: int
    tried: int
    spent_alpha: float
    first_session: str | None = None
    last_session: str | None = None
    opponent: str = "champion"
    scale: float | None = None
    margin: float | None = None
    test: DieboldMariano | None = None
    random_walk_test: DieboldMariano | None = None
    random_walk_margin: float | None = None
    loss_champion: float | None = None
    loss_challenger: float | None = None
    skill: float | None = None
    rank_ic_champion: RankIC | None = None
    rank_ic_challenger: RankIC | None = None
    coverage: Coverage | None = None

    @property
    def sentence(self) -> str:
        """The verdict as a person reads it."""
        if self.test is None or self.margin is None:
            return f"Not admitted: {self.reasons[0]}."
        if not self.admitted:
            return f"Not admitted: {'; '.join(self.reasons)}. {self._measured(self.test, self.margin)}"
        parts = (self._measured(self.test, self.margin), self._claim(self.test), self._meaning(self.margin))
        return f"Admitted to canary. {' '.join(parts)}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe: numbers that are not finite become None."""
        values = {name: _finite(value) for name, value in asdict(self).items()}
        return values | {"reasons": list(self.reasons), "sentence": self.sentence}

    def _measured(self, test: DieboldMariano, margin: float) -> str:
        side = "below" if test.mean >= 0 else "above"
        return (
            f"Over {self.sessions} sessions ({self.first_session} to {self.last_session}) "
            f"the challenger's loss of a session is on average {abs(test.mean):.2%} {side} the {self.opponent}'s: "
            f"with 90 % confidence a gain of {test.lower90:+.2%} or more, {-margin:+.2%} is asked for."
        )

    def _claim(self, test: DieboldMariano) -> str:
        p = f"p = {test.p_better:.3f}" if test.p_better >= 0.001 else "p < 0.001"
        level = f"{p}, needed below {self.spent_alpha:.4f} at try {self.tried}"
        return f"It is better ({level})." if self.better else f"It is not claimed to be better ({level})."

    def _meaning(self, margin: float) -> str:
        return (
            f"The margin tolerates {margin:.2%} more loss a session, "
            f"about what a RankIC of {_rank_ic_worth(margin):.3f} is worth."
        )


def _rank_ic_worth(margin: float) -> float:
    """RankIC worth `margin` of explained variance: R^2 = IC^2, and 6/pi asin(IC/2) for normal returns."""
    return 6.0 / math.pi * math.asin(math.sqrt(min(margin, 1.0)) / 2.0)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
