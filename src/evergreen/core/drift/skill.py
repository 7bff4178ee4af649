"""Realized skill: does the champion still beat its naive baseline as it did when it passed the gate?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from evergreen.core.canary.betting import (
    BETS,
    WORST,
    history_difference,
    innovations,
    robust_scale,
    shown_autocorrelation,
)
from evergreen.core.canary.session_key import Session, session_key
from evergreen.core.evaluation.diebold_mariano import dm_test
from evergreen.core.evaluation.losses import relative_difference
from evergreen.errors import BadInput

SKILL_TRIP = 50.0  # one champion in fifty that keeps its skill is ever reported
HELD_AFTER = 60  # sessions: as many as a canary may last

Standing = Literal["lost", "unproven", "held"]


@dataclass(frozen=True)
class SkillLook:
    """The evidence after one session; `skill` is r of baseline and champion, positive = champion better."""

    session: str
    skill: float
    e_baseline: float
    e_record: float


class SkillTest:
    """An e-process on each session's skill, begun when a champion takes office and looked at for ever after.

    Two hypotheses are bet against with the canary's fixed bets: "on average the champion does no worse than
    its frozen naive baseline", and "its skill is that of its gate record", the record being the lower 90 %
    bound of the gate's mean (the mean itself flatters whoever passed). The average of the two trips at 50: at
    most one champion in fifty that keeps its skill is ever reported. Skill that predicts the next session's, as the
    gate's sessions show, is bet on only as far as it surprises (docs/decisions/0016).

    Args:
        champion_gate: the champion's losses per gate session, at least 60.
        baseline_gate: the naive baseline's losses over the same sessions and tickers.
        threshold: E at which skill counts as lost.

    Raises:
        BadInput: histories that are too short, unpaired, negative or not finite.
    """

    def __init__(self, champion_gate: ArrayLike, baseline_gate: ArrayLike, threshold: float = SKILL_TRIP) -> None:
        skill = history_difference(baseline_gate, champion_gate)
        self.scale, self.record = robust_scale(skill), dm_test(skill).lower90
        self.autocorrelation = shown_autocorrelation(np.clip((skill - skill.mean()) / self.scale, -1, 1))
        self.threshold = float(threshold)
        self._skill: dict[str, float] = {}
        self._before = np.zeros(2)  # the last session's x, against the baseline and against the record
        self._growth = np.zeros((2, BETS.size))
        self._evidence: list[tuple[float, float]] = []

    def update(self, session: Session, champion_loss: float, baseline_loss: float) -> bool:
        """Add one session's mean losses and say whether skill is lost; a session seen before changes nothing.

        A champion loss that is not finite counts as the worst there is. Once lost, skill stays lost: the test
        of the next champion is a new one.

        Raises:
            BadInput: a baseline loss that is not finite, or a negative loss.
        """
        key = session_key(session)
        if key not in self._skill and not self.lost:
            self._add(key, _skill(key, champion_loss, baseline_loss))
        return self.lost

    @property
    def path(self) -> list[SkillLook]:
        """The evidence after each session, for pictures."""
        columns = zip(self._skill.items(), self._evidence, strict=True)
        return [SkillLook(key, skill, *evidence) for (key, skill), evidence in columns]

    @property
    def e_value(self) -> float:
        """The average of the two processes; 1 before the first session."""
        return sum(self._evidence[-1]) / 2 if self._evidence else 1.0

    @property
    def lost(self) -> bool:
        """Whether the evidence has reached the threshold."""
        return self.e_value >= self.threshold

    @property
    def sessions(self) -> list[str]:
        """Sessions seen, in order of arrival."""
        return list(self._skill)

    @property
    def mean_skill(self) -> float:
        """Raw mean of r since the start; 0 before the first session."""
        return float(np.mean(list(self._skill.values()))) if self._skill else 0.0

    @property
    def standing(self) -> Standing:
        """Lost, held (60 sessions or more with a mean at or above the record), or unproven."""
        if self.lost:
            return "lost"
        shown = len(self._skill) >= HELD_AFTER and self.mean_skill >= self.record
        return "held" if shown else "unproven"

    def _add(self, key: str, skill: float) -> None:
        self._skill[key] = skill
        x = np.clip((skill - np.array([0.0, self.record])) / self.scale, -1, 1)
        surprise = innovations(np.stack([self._before, x], axis=-1), self.autocorrelation)[:, -1]
        self._before = x
        self._growth += np.log1p(-surprise[:, None] * BETS)
        baseline, record = np.exp(self._growth).mean(axis=1).tolist()
        self._evidence.append((baseline, record))


def _skill(key: str, champion_loss: float, baseline_loss: float) -> float:
    champion, baseline = float(champion_loss), float(baseline_loss)
    if not np.isfinite(baseline) or baseline < 0 or -np.inf < champion < 0:
        raise BadInput(
            f"losses {champion} (champion), {baseline} (baseline) of session {key} are no pair.",
            "Give mean losses over the same tickers, once their outcomes are known.",
        )
    return float(relative_difference(baseline, champion)) if np.isfinite(champion) else WORST
