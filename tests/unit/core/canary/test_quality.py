from __future__ import annotations

import datetime as dt
import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.core.canary import CanaryVerdict, QualityTest
from evergreen.errors import BadInput, Broken

SESSIONS = [f"2008-{1 + i // 28:02d}-{1 + i % 28:02d}" for i in range(80)]


def losses(seed: int, sessions: int, excess: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    market = generator.lognormal(0, 0.5, sessions)
    champion = market * generator.lognormal(0, 0.1, sessions)
    challenger = market * generator.lognormal(0, 0.1, sessions) * (1 + excess)
    return champion, challenger


def started(seed: int = 1, **rules: float) -> QualityTest:
    return QualityTest(*losses(seed, 60), **rules)  # type: ignore[arg-type]


def walk(test: QualityTest, seed: int, excess: float = 0.0, sessions: int = 60) -> list[CanaryVerdict]:
    return [test.update(*look) for look in zip(SESSIONS, *losses(seed, sessions, excess), strict=False)]


def slow_evidence(x: list[float]) -> float:
    return sum(math.prod(1 + lam / 10 * value for value in x) for lam in range(1, 10)) / 9


def test_quality__scale_and_margin_are_frozen_from_history() -> None:
    champion, challenger = losses(3, 60)
    r = (champion - challenger) / ((champion + challenger) / 2)
    scale = 2 * 1.4826 * np.median(np.abs(r - np.median(r)))
    test = QualityTest(champion, challenger)
    assert test.scale == pytest.approx(scale)
    assert test.margin == pytest.approx(min(scale / 4, 0.10))
    assert QualityTest(champion, challenger, margin=0.02).margin == 0.02


def test_quality__evidence_equals_the_formula() -> None:
    test = started()
    walk(test, 2, sessions=25)
    r = [look.r for look in test.path]
    promote = [max(-1.0, min(1.0, (value + test.margin) / test.scale)) for value in r]
    rollback = [-max(-1.0, min(1.0, value / test.scale)) for value in r]
    for t, look in enumerate(test.path, start=1):
        assert look.e_promote == pytest.approx(slow_evidence(promote[:t]))
        assert look.e_rollback == pytest.approx(slow_evidence(rollback[:t]))
    assert (test.e_promote, test.e_rollback) == (test.path[-1].e_promote, test.path[-1].e_rollback)
    assert test.mean_r == pytest.approx(np.mean(r))


def test_quality__twice_the_loss_is_rolled_back() -> None:
    decisions = walk(started(), 2, excess=1.0)
    assert decisions[-1] is CanaryVerdict.ROLLBACK
    assert decisions.index(CanaryVerdict.ROLLBACK) < 15


def test_quality__half_the_loss_is_promoted_but_not_before_t_min() -> None:
    decisions = walk(started(), 2, excess=-0.5)
    assert decisions[:7] == [CanaryVerdict.CONTINUE] * 7
    assert decisions[7] is CanaryVerdict.PROMOTE


def test_quality__ends_inconclusive_at_t_max() -> None:
    test = started(t_max=10, alpha_promote=1e-6, alpha_rollback=1e-6)
    decisions = walk(test, 2)
    assert decisions[8:10] == [CanaryVerdict.CONTINUE, CanaryVerdict.INCONCLUSIVE]
    assert len(test.sessions) == 10


def test_quality__the_same_session_twice_changes_nothing() -> None:
    test = started()
    first = test.update("2008-01-02", 1.0, 1.1)
    before = test.to_json()
    assert test.update("2008-01-02", 1.0, 9.0) is first
    assert test.update(pd.Timestamp("2008-01-02"), 1.0, 9.0) is first
    assert test.update(dt.date(2008, 1, 2), 1.0, 9.0) is first
    assert test.update(np.datetime64("2008-01-02"), 1.0, 9.0) is first
    assert test.to_json() == before


def test_quality__whole_numbers_are_sessions_too() -> None:
    test = started()
    for session in range(3):
        test.update(session, 1.0, 1.0)
    assert test.sessions == ["0", "1", "2"]


def test_quality__late_sessions_are_appended() -> None:
    test = started()
    test.update("2008-01-04", 1.0, 1.1)
    before = test.path
    test.update("2008-01-03", 1.0, 1.2)
    assert test.sessions == ["2008-01-04", "2008-01-03"]
    assert test.path[:1] == before


def test_quality__a_final_decision_stays() -> None:
    test = started()
    walk(test, 2, excess=1.0)
    before = test.to_json()
    assert test.update("2009-01-02", 1.0, 0.1) is CanaryVerdict.ROLLBACK
    assert test.to_json() == before


def test_quality__a_wild_session_bars_promotion_until_it_is_explained() -> None:
    test = started(t_max=80)
    test.update("2008-12-01", 1.0, 5.0)
    assert test.path[0].r < -3 * test.scale
    assert CanaryVerdict.PROMOTE not in walk(test, 2, excess=-0.5, sessions=40)
    test.explain("2008-12-01", "the vendor's split was missing")
    assert test.decision is CanaryVerdict.CONTINUE
    assert test.update("2008-12-02", 1.0, 0.5) is CanaryVerdict.PROMOTE


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_quality__a_challenger_without_a_number_counts_as_worst(loss: float) -> None:
    test = started()
    test.update("2008-01-02", 1.0, loss)
    assert test.path[0].r == -2.0


@pytest.mark.parametrize("pair", [(math.nan, 1.0), (math.inf, 1.0), (-1.0, 1.0), (1.0, -1.0)])
def test_quality__an_impossible_pair_adds_nothing(pair: tuple[float, float]) -> None:
    test = started()
    with pytest.raises(BadInput, match="2008-01-02"):
        test.update("2008-01-02", *pair)
    assert test.sessions == []


def test_quality__huge_and_zero_losses_stay_within_bounds() -> None:
    test = started(t_min=60)
    for session, pair in enumerate([(1e308, 1e308), (0.0, 0.0), (0.0, 1e-300), (1e308, 0.0)]):
        test.update(session, *pair)
    assert [look.r for look in test.path] == [0.0, 0.0, -2.0, 2.0]


@pytest.mark.parametrize("cut", [0, 1, 5, 9])
def test_quality__restart_in_the_middle_changes_no_decision(cut: int) -> None:
    for seed in range(20):
        whole, test = started(), started()
        expected = walk(whole, seed, excess=0.3)
        looks = list(zip(SESSIONS, *losses(seed, 60, 0.3), strict=False))
        decisions = [test.update(*look) for look in looks[:cut]]
        test = QualityTest.from_json(test.to_json())
        decisions += [test.update(*look) for look in looks[cut:]]
        assert decisions == expected
        assert test.to_json() == whole.to_json()


def test_quality__state_is_read_back_from_a_parsed_object_too() -> None:
    test = started()
    walk(test, 2, sessions=5)
    assert QualityTest.from_json(json.loads(test.to_json())).path == test.path


@pytest.mark.parametrize("state", ["", "{}", "[]", '{"format": 99}', "null"])
def test_quality__a_state_that_is_none_is_refused(state: str) -> None:
    with pytest.raises(Broken, match="cannot be read"):
        QualityTest.from_json(state)


def test_quality__short_or_unusable_history_is_refused() -> None:
    champion, challenger = losses(1, 60)
    with pytest.raises(BadInput, match="at least 60"):
        QualityTest(champion[:59], challenger[:59])
    with pytest.raises(BadInput, match="paired"):
        QualityTest(champion, challenger[:59])
    for wrong in (np.nan, -1.0, np.inf):
        with pytest.raises(BadInput, match="challenger loss"):
            QualityTest(champion, np.where(np.arange(60) == 7, wrong, challenger))


@pytest.mark.parametrize("rule", [{"alpha_promote": 0.0}, {"margin": -0.1}, {"t_min": 0}, {"t_max": 7}])
def test_quality__rules_out_of_range_are_refused(rule: dict[str, float]) -> None:
    with pytest.raises(BadInput, match=next(iter(rule))):
        started(**rule)


def test_quality__not_a_date_is_refused() -> None:
    with pytest.raises(BadInput, match="NaT"):
        started().update(pd.NaT, 1.0, 1.0)  # type: ignore[arg-type]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), min_size=1, max_size=70))
def test_quality__evidence_stays_a_number_and_decisions_are_final(pairs: list[tuple[float, float]]) -> None:
    test = started()
    decisions = [test.update(session, *pair) for session, pair in enumerate(pairs)]
    assert all(np.isfinite(look.e_promote) and look.e_promote > 0 for look in test.path)
    final = [decision for decision in decisions if decision is not CanaryVerdict.CONTINUE]
    assert len(set(final)) <= 1
    assert decisions == [CanaryVerdict.CONTINUE] * (len(decisions) - len(final)) + final


def test_session__is_a_date_however_it_is_written() -> None:
    test = QualityTest(*np.full((2, 60), 1e-4))
    for session in ("2020-01-01", "2020-1-1", "2020-01-01T00:00:00", "2020-01-01 16:00", dt.date(2020, 1, 1)):
        test.update(session, 1e-4, 1e-4)
    test.update("the 61st", 1e-4, 1e-4)
    assert test.sessions == ["2020-01-01", "the 61st"]
    with pytest.raises(BadInput, match="2020-02-30 is no session"):
        test.update("2020-02-30", 1e-4, 1e-4)
