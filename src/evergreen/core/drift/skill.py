"""Realized skill: does the champion still beat its naive baseline as it did when it passed the gate?"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from evergreen.core.canary.betting import (
    WORST,
    history_difference,
    innovations,
    robust_scale,
    shown_autocorrelation,
)
from evergreen.core.canary.session_key import Session, session_key
from evergreen.core.drift.detector import RUN_LENGTH, Detector
from evergreen.core.evaluation.diebold_mariano import dm_test
from evergreen.core.evaluation.losses import Statistic, difference
from evergreen.errors import BadInput

HELD_AFTER = 60  # sessions: as many as a canary may last
HELD_OVER = 250  # sessions, a year: what was earned before it says nothing of how skill stands now

Standing = Literal["lost", "unproven", "held"]


@dataclass(frozen=True)
class SkillLook:
    """The evidence after one session; `skill` is r of baseline and champion, positive = champion better."""

    session: str
    skill: float
    against_baseline: float
    against_record: float


class SkillTest:
    """An e-detector on each session's skill, begun when a champion takes office and looked at for ever after.

    Two hypotheses are bet against with the canary's fixed bets: "the champion does no worse than its frozen naive
    baseline", and "its skill is that of its gate record", the record being the lower 90 % bound of the gate's mean
    (the mean itself flatters whoever passed). The average of the two alarms at the run length: a champion that keeps
    its skill is reported once in a thousand sessions or less often, and one that loses it after years of success as
    soon as one that loses it at once. Skill that predicts the next session's, as the gate's sessions show, is bet on
    only as far as it surprises (docs/decisions/0016).

    Args:
        champion_gate: the champion's losses per gate session by `statistic`, at least 60.
        baseline_gate: the naive baseline's losses over the same sessions and tickers.
        run_length: the least mean number of sessions between two false reports.
        statistic: what the losses are of.
        horizon: sessions until a loss is known.

    Raises:
        BadInput: histories that are too short, unpaired, negative or not finite.
    """

    def __init__(
        self,
        champion_gate: ArrayLike,
        baseline_gate: ArrayLike,
        run_length: float = RUN_LENGTH,
        statistic: Statistic = Statistic.SQUARED_ERROR,
        horizon: int = 1,
    ) -> None:
        skill = history_difference(baseline_gate, champion_gate, statistic)
        self.statistic = statistic
        self.scale, self.record = robust_scale(skill), dm_test(skill).lower90
        self.autocorrelation = shown_autocorrelation(np.clip((skill - skill.mean()) / self.scale, -1, 1), horizon)
        self.run_length = float(run_length)
        self._skill: dict[str, float] = {}
        self._before = deque([np.zeros(2)] * horizon, horizon)  # earlier x, against the baseline and the record
        self._detectors = Detector(run_length, horizon), Detector(run_length, horizon)
        self._evidence: list[tuple[float, float]] = []

    def update(self, session: Session, champion_loss: float, baseline_loss: float) -> bool:
        """Add one session's losses and say whether skill is lost; a session seen before changes nothing.

        A champion loss that is not finite counts as the worst there is. Once lost, skill stays lost: the test
        of the next champion is a new one.

        Raises:
            BadInput: a baseline loss that is not finite, or a negative loss.
        """
        key = session_key(session)
        if key not in self._skill and not self.lost:
            self._add(key, _skill(self.statistic, key, champion_loss, baseline_loss))
        return self.lost

    @property
    def path(self) -> list[SkillLook]:
        """The evidence after each session, for pictures."""
        columns = zip(self._skill.items(), self._evidence, strict=True)
        return [SkillLook(key, skill, *evidence) for (key, skill), evidence in columns]

    @property
    def evidence(self) -> float:
        """The average of the two detectors, in sessions; 0 before the first session."""
        return sum(self._evidence[-1]) / 2 if self._evidence else 0.0

    @property
    def lost(self) -> bool:
        """Whether the evidence has reached the run length."""
        return self.evidence >= self.run_length

    @property
    def sessions(self) -> list[str]:
        """Sessions seen, in order of arrival."""
        return list(self._skill)

    @property
    def mean_skill(self) -> float:
        """Raw mean of r over the last year; 0 before the first session."""
        return float(np.mean(list(self._skill.values())[-HELD_OVER:])) if self._skill else 0.0

    @property
    def standing(self) -> Standing:
        """Lost, held (60 sessions or more, and over the last year a mean at or above the record), or unproven."""
        if self.lost:
            return "lost"
        shown = len(self._skill) >= HELD_AFTER and self.mean_skill >= self.record
        return "held" if shown else "unproven"

    def _add(self, key: str, skill: float) -> None:
        self._skill[key] = skill
        x = np.clip((skill - np.array([0.0, self.record])) / self.scale, -1, 1)
        surprise = innovations(np.stack([self._before[0], x], axis=-1), self.autocorrelation)[:, -1]
        self._before.append(x)
        baseline, record = self._detectors
        self._evidence.append((baseline.add(-surprise[0]), record.add(-surprise[1])))


def _skill(statistic: Statistic, key: str, champion_loss: float, baseline_loss: float) -> float:
    champion, baseline = float(champion_loss), float(baseline_loss)
    if not np.isfinite(baseline) or baseline < 0 or -np.inf < champion < 0:
        raise BadInput(
            f"losses {champion} (champion), {baseline} (baseline) of session {key} are no pair.",
            "Give mean losses over the same tickers, once their outcomes are known.",
        )
    return float(difference(statistic, baseline, champion)) if np.isfinite(champion) else WORST
