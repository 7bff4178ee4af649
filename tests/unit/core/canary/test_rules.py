from __future__ import annotations

import json

import numpy as np
import pytest

from evergreen.core.canary import CanaryVerdict, QualityTest, first_decisions, plan_power
from evergreen.core.canary.power import plan_under
from evergreen.core.canary.rules import Rules, look
from evergreen.core.evaluation.losses import Statistic, relative_difference

HISTORY, SESSIONS = 120, 60


def pairs(seed: int, number: int, excess: float = 0.0, persistence: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Losses [number, history + sessions] with heavy tails and, on wish, autocorrelated differences."""
    generator = np.random.default_rng(seed)
    shape = (number, HISTORY + SESSIONS)
    market = np.exp(0.5 * generator.standard_t(4, shape))
    noise = 0.1 * generator.standard_t(4, shape)
    for t in range(1, shape[1]):
        noise[:, t] = persistence * noise[:, t - 1] + np.sqrt(1 - persistence**2) * noise[:, t]
    challenger = market * np.exp(noise)
    challenger[:, HISTORY:] *= 1 + excess
    return market, challenger


def decided(champion: np.ndarray, challenger: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    decisions, sessions = [], []
    for a, b in zip(champion, challenger, strict=True):
        rules = QualityTest(a[:HISTORY], b[:HISTORY]).rules
        one, when = first_decisions(relative_difference(a, b)[None, HISTORY:], rules)
        decisions.append(one[0])
        sessions.append(when[0])
    return np.array(decisions), np.array(sessions)


def bound(alpha: float, number: int) -> float:
    return alpha + 3 * (alpha * (1 - alpha) / number) ** 0.5


def test_first_decisions__equals_one_quality_test_per_row() -> None:
    for excess in (-0.3, 0.0, 0.2, 1.0):
        champion, challenger = pairs(5, 25, excess)
        fast = decided(champion, challenger)
        for row, (a, b) in enumerate(zip(champion, challenger, strict=True)):
            test = QualityTest(a[:HISTORY], b[:HISTORY])
            for session in range(SESSIONS):
                test.update(session, a[HISTORY + session], b[HISTORY + session])
            assert (test.decision.value, len(test.sessions)) == (fast[0][row], fast[1][row])


@pytest.mark.parametrize("persistence", [0.0, 0.1, 0.2, 0.5, 0.8])
def test_canary__equal_models_are_seldom_rolled_back(persistence: float) -> None:
    decisions, _ = decided(*pairs(11, 1_000, persistence=persistence))
    assert (decisions == CanaryVerdict.ROLLBACK.value).mean() <= bound(0.10, 1_000)


@pytest.mark.parametrize("persistence", [0.0, 0.2, 0.5])
def test_canary__models_worse_by_the_margin_are_seldom_promoted(persistence: float) -> None:
    champion, challenger = pairs(12, 1_000, persistence=persistence)
    promoted = 0
    for a, b, row in zip(champion, challenger, relative_difference(champion, challenger), strict=True):
        rules = QualityTest(a[:HISTORY], b[:HISTORY]).rules
        promoted += first_decisions(row[None, HISTORY:] - rules.margin, rules)[0][0] == CanaryVerdict.PROMOTE.value
    assert promoted / 1_000 <= bound(0.05, 1_000)


def test_canary__autocorrelated_differences_are_frozen_as_such() -> None:
    for persistence, expected in ((0.0, 0.0), (0.5, 0.5)):
        champion, challenger = pairs(16, 50, persistence=persistence)
        frozen = [QualityTest(a, b).rules.autocorrelation for a, b in zip(champion, challenger, strict=True)]
        assert np.median(frozen) == pytest.approx(expected, abs=0.05)


def test_canary__a_walk_begun_before_autocorrelation_was_frozen_goes_on_without() -> None:
    champion, challenger = pairs(17, 1, persistence=0.5)
    state = json.loads(QualityTest(champion[0], challenger[0]).to_json())
    assert state["rules"].pop("autocorrelation") > 0
    assert QualityTest.from_json(state).rules.autocorrelation == 0


def test_canary__twice_the_loss_is_rolled_back_by_session_15() -> None:
    decisions, sessions = decided(*pairs(13, 1_000, excess=1.0))
    assert ((decisions == CanaryVerdict.ROLLBACK.value) & (sessions <= 15)).mean() >= 0.99


def test_plan_power__more_harm_is_seen_more_often_and_sooner() -> None:
    champion, challenger = pairs(14, 1)
    plan = plan_power(champion[0], challenger[0], simulations=300)
    rolled_back = [row.rolled_back for row in plan.table]
    assert plan.table[0].excess == 0.0
    assert rolled_back == sorted(rolled_back)
    assert rolled_back[0] <= bound(0.10, 300)
    assert rolled_back[-1] >= 0.99
    assert plan.table[-1].sessions < plan.table[2].sessions  # type: ignore[operator]
    assert plan.table[0].promoted > plan.table[-1].promoted
    assert "takes about" in plan.sentence


def test_plan_power__is_repeatable_and_honest_about_a_hopeless_canary() -> None:
    champion, challenger = np.exp(np.random.default_rng(15).normal(0, 9, (2, 120)))
    first = plan_power(champion, challenger, simulations=50)
    assert first == plan_power(champion, challenger, simulations=50)
    assert first.sentence.startswith("Not even a loss 100% worse is found reliably within 60 sessions")
    assert first.refusal.startswith("It would not notice the greatest harm it was tried with")


def test_plan_under__by_order_says_what_rank_ic_it_can_see() -> None:
    rules = Rules(scale=0.1, margin=0.01, statistic=Statistic.ORDER)
    plan = plan_under(rules, np.random.default_rng(16).normal(0, 0.05, 250), simulations=200)
    assert "a RankIC lower by" in plan.sentence and "no more than a RankIC of 0.0100 is lost" in plan.sentence
    assert plan.table[-1].rolled_back > 0.9


def test_looks__evidence_that_is_carried_multiplies_the_promotions_only() -> None:
    r = np.random.default_rng(17).normal(0, 0.05, 30)
    fresh, carried = (look(r, Rules(scale=0.1, margin=0.01, carried=each)) for each in (1.0, 7.0))
    assert carried.e_promote == pytest.approx(7 * fresh.e_promote)
    assert (carried.e_rollback == fresh.e_rollback).all()
