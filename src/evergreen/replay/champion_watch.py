"""What a session shows of the champion, from the tests of drift, skill and coverage that go on from look to look."""

from __future__ import annotations

import numpy as np

from evergreen.core.bars.session import iso
from evergreen.core.drift import Cause, CoverageTest, DriftCheck, SkillTest, Standing, TooLittleHistory, check
from evergreen.core.evaluation.statistic import choose_loss
from evergreen.core.policy import SessionWatch, TriggerPolicy
from evergreen.replay.models import Models
from evergreen.replay.signs import missing_share, refused_share
from evergreen.replay.versions import Version


class ChampionWatch:
    """The tests of one walk's champions; a version that comes back to office is watched on where it was left."""

    def __init__(self, trigger: TriggerPolicy, models: Models) -> None:
        self._trigger, self._models = trigger, models
        self._skill: dict[str, SkillTest | None] = {}
        self._coverage: dict[str, CoverageTest | None] = {}
        self._settled: dict[str, int] = {}  # the first session that a skill test has not seen
        self._covered: dict[str, int] = {}  # the same of a coverage test

    def look(self, champion: Version, session: int) -> SessionWatch:
        """At a session that is a look; what no cause of the policy asks about is not computed."""
        drift, skill = Cause.COVARIATE_SHIFT in self._trigger.causes, Cause.LOSS_OF_SKILL in self._trigger.causes
        return SessionWatch(
            session=session,
            as_of=self._iso(session),
            check=self._check(champion, session) if drift else None,  # nothing would follow, and it costs seconds
            skill=self._standing(champion, session) if drift or skill else "unproven",
            uncovered=self._is_uncovered(champion, session) if drift or skill else False,
            refused=refused_share(self._models.market, session),
            missing=missing_share(self._models.market, session),
        )

    def _check(self, champion: Version, session: int) -> DriftCheck | TooLittleHistory | None:
        if champion.monitor is None:
            return None
        counts, as_of = champion.monitor.counts(session), self._models.market.sessions[session]
        return check(champion.monitor.calibration, counts, as_of, self._trigger.level)

    def _standing(self, champion: Version, session: int) -> Standing:
        if champion.name not in self._skill:
            self._skill[champion.name] = champion.skill_test(self._trigger.run_length)
        test = self._skill[champion.name]
        if test is None:
            return "unproven"
        settled = self._newly_settled(self._settled, champion, session)
        losses = champion.losses(settled)
        baselines = choose_loss(test.statistic, losses.loss_random_walk, np.zeros(len(settled)))
        sides = zip(settled, losses.n, champion.judged(test.statistic, settled), baselines, strict=True)
        for number, n, loss, of_baseline in sides:
            if n > 0:
                test.update(self._iso(number), float(loss), float(of_baseline))
        return test.standing

    def _is_uncovered(self, champion: Version, session: int) -> bool:
        level = self._models.fits.config.interval
        if champion.name not in self._coverage:
            self._coverage[champion.name] = champion.coverage_test(level, self._trigger.run_length)
        test = self._coverage[champion.name]
        if test is None:
            return False
        settled = self._newly_settled(self._covered, champion, session)
        for number, share in champion.covered(settled, level).dropna().items():
            test.update(self._iso(int(str(number))), 1.0 - float(share))
        return test.lost

    def _newly_settled(self, seen: dict[str, int], champion: Version, session: int) -> range:
        """The champion's sessions settled by a session that a test has not seen, which now counts them as seen."""
        settled = range(seen.get(champion.name, champion.since), session - self._models.market.horizon + 1)
        seen[champion.name] = max(settled.start, settled.stop)
        return settled

    def _iso(self, session: int) -> str:
        return iso(self._models.market.sessions[session])
