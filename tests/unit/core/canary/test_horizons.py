"""Outcomes over several sessions: neighbours overlap, and what they share counts once."""

from __future__ import annotations

import numpy as np
import pytest

from evergreen.core.canary import CanaryVerdict, QualityTest, first_decisions
from evergreen.core.canary.betting import BETS, lasting, wealth
from evergreen.core.canary.rules import Rules, over_horizon, rules_from

HORIZON, HISTORY, PAIRS = 5, 250, 300
SESSIONS = 60 * HORIZON


def differences(seed: int, memory: float) -> np.ndarray:
    """r of two equal models [pairs, sessions]: a disagreement of some memory times overlapping five-day returns."""
    rng = np.random.default_rng(seed)
    length = HISTORY + SESSIONS
    shocks = rng.standard_t(4, (PAIRS, length + HORIZON))
    outcome = np.stack([shocks[:, day : day + length] for day in range(HORIZON)]).sum(axis=0) / (2 * HORIZON) ** 0.5
    apart = rng.normal(size=(PAIRS, length))
    for day in range(1, length):
        apart[:, day] = memory * apart[:, day - 1] + (1 - memory**2) ** 0.5 * apart[:, day]
    return 0.05 * apart * outcome


def shares(r: np.ndarray, verdict: CanaryVerdict, worse_by_margin: bool = False, harm: float = 0.0) -> float:
    """How often the canary comes to a verdict on the sessions after each history."""
    hits = 0
    for row in r:
        rules = rules_from(row[:HISTORY], None, (0.05, 0.10), 8, 60, HORIZON)
        during = row[HISTORY:] - worse_by_margin * rules.margin - harm
        hits += first_decisions(during[None], rules)[0][0] == verdict.value
    return hits / len(r)


@pytest.mark.parametrize("memory", [0.0, 0.9])
def test_canary__over_five_sessions_errs_no_more_often_than_stated(memory: float) -> None:
    r = differences(1, memory)
    assert shares(r, CanaryVerdict.ROLLBACK) <= 0.10 + 3 * (0.1 * 0.9 / PAIRS) ** 0.5
    assert shares(r, CanaryVerdict.PROMOTE, worse_by_margin=True) <= 0.05 + 3 * (0.05 * 0.95 / PAIRS) ** 0.5


def test_canary__over_five_sessions_sees_harm() -> None:
    assert shares(differences(2, 0.9), CanaryVerdict.ROLLBACK, harm=0.02) >= 0.9


def test_wealth__is_the_mean_of_streams_that_do_not_overlap() -> None:
    x = np.random.default_rng(3).uniform(-1, 1, 11)
    streams = [np.mean([np.prod(1 + bet * x[start::3]) for bet in BETS]) for start in range(3)]
    assert wealth(x, 3)[-1] == pytest.approx(np.mean(streams))
    assert np.array_equal(wealth(x, 3)[:7], wealth(x[:7], 3))


def test_lasting__is_what_stood_for_a_whole_horizon() -> None:
    assert lasting(np.array([5.0, 3.0, 9.0, 8.0, 7.0]), 3).tolist() == [0, 0, 3, 3, 7]
    assert lasting(np.array([5.0, 3.0]), 1).tolist() == [5, 3]


def test_rules__count_outcomes_that_do_not_overlap() -> None:
    rules = over_horizon(Rules(scale=0.05, margin=0.0), HORIZON)
    assert (rules.t_min, rules.t_max, rules.horizon) == (40, 300, 5)
    test = QualityTest.under(rules)
    for day in range(SESSIONS):
        test.update(day, 1.0, 1.0)
        assert (test.decision is CanaryVerdict.CONTINUE) == (day < SESSIONS - 1)
    assert QualityTest.from_json(test.to_json()).rules == rules
