from __future__ import annotations

import numpy as np
import pytest

from evergreen.core.drift import SkillTest
from evergreen.core.evaluation.losses import Statistic
from evergreen.errors import BadInput


def pair(seed: int, sessions: int, edge: float) -> tuple[np.ndarray, np.ndarray]:
    """Losses of a champion that is better than its baseline by `edge`, and of the baseline."""
    generator = np.random.default_rng(seed)
    market = generator.lognormal(0, 0.6, sessions)
    return market * (1 - edge) * generator.lognormal(0, 0.05, sessions), market


def begun(seed: int = 1, edge: float = 0.03) -> SkillTest:
    return SkillTest(*pair(seed, 250, edge))


def walk(test: SkillTest, seed: int, sessions: int, edge: float) -> int | None:
    for session, losses in enumerate(zip(*pair(seed, sessions, edge), strict=True)):
        if test.update(session, *losses):
            return session + 1
    return None


def test_skill__a_champion_that_keeps_it_is_seldom_reported() -> None:
    lost = [walk(begun(seed), 1_000 + seed, 250, 0.03) is not None for seed in range(40)]
    assert np.mean(lost) <= 0.25 + 3 * (0.25 * 0.75 / 40) ** 0.5  # 250 of 1,000 sessions


def test_skill__a_loss_after_years_of_success_is_found_as_soon_as_one_at_once() -> None:
    delays: dict[int, list[int]] = {0: [], 750: []}
    for good, seen in delays.items():
        for seed in range(20):
            test = begun(seed)
            walk(test, 3_000 + seed, good, 0.03)
            for session, losses in enumerate(zip(*pair(4_000 + seed, 250, -0.03), strict=True)):
                if test.update(good + session, *losses):
                    seen.append(session + 1)
                    break
    assert all(len(each) == 20 for each in delays.values())
    assert np.median(delays[750]) <= 1.3 * np.median(delays[0])


def test_skill__an_autocorrelated_skill_is_not_taken_for_a_loss() -> None:
    generator = np.random.default_rng(5)
    lost = 0
    for _ in range(60):
        ratio = np.zeros(500)
        for day, shock in enumerate(generator.normal(size=500)):
            ratio[day] = 0.5 * ratio[day - 1] + 0.04 * shock
        champion, baseline = np.exp(-ratio / 2), np.exp(ratio / 2)
        test = SkillTest(champion[:250], baseline[:250])
        assert test.autocorrelation > 0.2
        lost += any(test.update(day, champion[day], baseline[day]) for day in range(250, 500))
    assert lost / 60 <= 0.25 + 3 * (0.25 * 0.75 / 60) ** 0.5


def test_skill__a_champion_that_falls_behind_its_baseline_is_found() -> None:
    alarms = [walk(begun(seed), 2_000 + seed, 250, -0.05) for seed in range(20)]
    assert all(when is not None for when in alarms)
    assert np.median([when for when in alarms if when]) < 60


def test_skill__record_is_below_the_mean_that_passed_the_gate() -> None:
    champion, baseline = pair(1, 250, 0.03)
    r = (baseline - champion) / ((baseline + champion) / 2)
    assert r.mean() - 3 * r.std() / 250**0.5 < SkillTest(champion, baseline).record < r.mean()


def test_skill__evidence_equals_the_formula() -> None:
    test = begun()
    walk(test, 3, 20, 0.0)
    looks = test.path
    for name, record in (("against_baseline", 0.0), ("against_record", test.record)):
        assert test.autocorrelation == 0
        evidence = np.zeros(9)
        for look in looks:
            x = np.clip((look.skill - record) / test.scale, -1, 1)
            evidence = (1 + evidence) * (1 - np.arange(1, 10) / 10 * x)
        assert getattr(looks[-1], name) == pytest.approx(evidence.mean())
    assert test.evidence == pytest.approx((looks[-1].against_baseline + looks[-1].against_record) / 2)


def test_skill__by_order_is_the_rank_ic() -> None:
    rng = np.random.default_rng(5)
    ours, walk_of_zero = 1.0 - rng.normal(0.02, 0.1, 250), np.ones(250)
    test = SkillTest(ours, walk_of_zero, statistic=Statistic.ORDER)
    test.update("2008-01-02", 0.93, 1.0)
    assert test.path[0].skill == pytest.approx(0.07)
    assert test.record < 0.02


def test_skill__stands_as_lost_held_or_unproven() -> None:
    test = begun()
    assert test.standing == "unproven"
    walk(test, 3, 59, 0.06)
    assert test.standing == "unproven"
    test.update(59, 0.9, 1.0)
    assert test.standing == "held"
    walk(lost := begun(), 3, 250, -0.2)
    assert lost.standing == "lost"


def test_skill__same_session_changes_nothing_and_lost_stays_lost() -> None:
    test = begun()
    test.update("2008-01-02", 1.0, 1.0)
    before = test.path
    test.update("2008-01-02", 9.0, 1.0)
    assert test.path == before
    walk(test, 3, 250, -0.5)
    assert test.update("2009-01-02", 0.1, 1.0)
    assert "2009-01-02" not in test.sessions


def test_skill__broken_champion_counts_as_worst_and_broken_baseline_is_refused() -> None:
    test = begun()
    test.update(1, float("nan"), 1.0)
    assert test.path[0].skill == -2
    with pytest.raises(BadInput, match="no pair"):
        test.update(2, 1.0, float("nan"))


def test_skill__random_walk_as_champion_is_never_lost_against_itself() -> None:
    _, baseline = pair(1, 250, 0.0)
    test = SkillTest(baseline, baseline)
    assert walk(test, 2, 0, 0.0) is None
    for session, loss in enumerate(baseline):
        assert not test.update(session, loss, loss)
    assert test.evidence == pytest.approx(250)  # every session is a beginning whose stake stayed what it was
