from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad

from evergreen.core.canary.guardrails import (
    GUARDRAIL_TRIP,
    EventCounts,
    OutputLimits,
    check_outputs,
    excess_ln_e,
    one_per_client_hour,
    rank_correlation_floor,
    router_ln_e,
)
from evergreen.errors import BadInput

LIMITS = OutputLimits(residual_sigma=0.02, target_low=-0.2, target_high=0.2, rank_correlation=-0.3)


@pytest.mark.parametrize(("share", "events", "canary"), [(0.05, 40, 2), (0.25, 40, 20), (0.5, 7, 7), (0.5, 9, 0)])
def test_excess__equals_the_mixture_it_stands_for(share: float, events: int, canary: int) -> None:
    th = share * 1.25 / (1 - share + share * 1.25)
    mixture, _ = quad(lambda p: p**canary * (1 - p) ** (events - canary) / (1 - th), th, 1, epsabs=0, epsrel=1e-10)
    alone = th**canary * (1 - th) ** (events - canary)
    assert excess_ln_e([EventCounts(share, events, canary)]) == pytest.approx(np.log(mixture / alone))


def test_excess__no_events_say_nothing_and_periods_multiply() -> None:
    assert excess_ln_e([]) == 0
    assert excess_ln_e([EventCounts(0.05, 0, 0)]) == pytest.approx(0, abs=1e-12)
    one, two = EventCounts(0.05, 30, 6), EventCounts(0.25, 30, 12)
    assert excess_ln_e([one, two]) == pytest.approx(excess_ln_e([one]) + excess_ln_e([two]))


def test_excess__equal_rates_seldom_trip_and_tenfold_errors_do() -> None:
    generator = np.random.default_rng(5)
    share, looks = 0.05, 400
    quiet = generator.binomial(1, share, (1_000, looks)).cumsum(axis=1)
    tripped = [_ever_trips(share, path) for path in quiet]
    assert np.mean(tripped) <= 0.01 + 3 * (0.01 * 0.99 / 1_000) ** 0.5
    raised = 10 * share / (1 - share + 10 * share)
    loud = generator.binomial(1, raised, (100, looks)).cumsum(axis=1)
    assert np.mean([_ever_trips(share, path) for path in loud]) == 1.0


def _ever_trips(share: float, canary_events: np.ndarray) -> bool:
    looks = range(19, len(canary_events), 20)
    return any(excess_ln_e([EventCounts(share, t + 1, int(canary_events[t]))]) >= np.log(GUARDRAIL_TRIP) for t in looks)


@pytest.mark.parametrize("counts", [(0.0, 5, 1), (1.0, 5, 1), (0.5, 5, 6), (0.5, 5, -1)])
def test_excess__impossible_counts_are_refused(counts: tuple[float, int, int]) -> None:
    with pytest.raises(BadInput, match="event counts"):
        excess_ln_e([EventCounts(*counts)])


def test_one_per_client_hour__keeps_the_first_of_each() -> None:
    at = pd.to_datetime(["2008-01-02 10:59", "2008-01-02 10:01", "2008-01-02 11:00", "2008-01-02 10:30"], utc=True)
    events = pd.DataFrame({"client": ["a", "a", "a", "b"], "at": at, "arm": ["x", "x", "x", "y"]})
    first = one_per_client_hour(events)
    assert list(zip(first["client"], first["at"].dt.strftime("%H:%M"), strict=True)) == [
        ("a", "10:01"),
        ("b", "10:30"),
        ("a", "11:00"),
    ]


def test_router__honest_split_seldom_trips_and_a_wrong_one_does() -> None:
    generator = np.random.default_rng(6)
    weights = {"champion": 0.95, "challenger": 0.05}
    for share, most in ((0.05, 0.03), (0.10, 1.0)):
        tripped = []
        for _ in range(200):
            arms = generator.binomial(1, share, 2_000).cumsum()
            tripped.append(
                any(
                    router_ln_e({"champion": n - int(arms[n - 1]), "challenger": int(arms[n - 1])}, weights)
                    >= np.log(GUARDRAIL_TRIP)
                    for n in range(100, 2_001, 100)
                )
            )
        assert np.mean(tripped) <= most
    assert np.mean(tripped) > 0.95


def test_router__clients_in_an_arm_that_should_have_none_are_refused() -> None:
    with pytest.raises(BadInput, match="arms"):
        router_ln_e({"champion": 5, "challenger": 1}, {"champion": 1.0})


def outputs(seed: int = 1, rows: int = 200) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    champion = 0.004 * generator.normal(size=rows)
    return champion, champion + 0.002 * generator.normal(size=rows)


def test_check_outputs__honest_models_break_nothing() -> None:
    assert check_outputs(*outputs(), LIMITS) == []


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda raw: np.where(np.arange(len(raw)) == 3, np.nan, raw), "not finite"),
        (lambda raw: np.where(np.arange(len(raw)) == 3, np.inf, raw), "not finite"),
        (lambda raw: np.full_like(raw, 0.001), "All 200 outputs"),
        (lambda raw: np.where(np.arange(len(raw)) < 5, raw + 0.09, raw), "residual sigma"),
        (lambda raw: -raw, "Rank correlation"),
        (lambda raw: np.where(np.arange(len(raw)) == 3, -0.29, raw), "target's range"),
    ],
)
def test_check_outputs__names_what_broke(spoil, word: str) -> None:  # type: ignore[no-untyped-def]
    champion, challenger = outputs()
    broken = check_outputs(champion, spoil(challenger), LIMITS)
    assert len(broken) == 1
    assert word in broken[0]


def test_check_outputs__random_walk_champion_has_no_rank_correlation() -> None:
    _, challenger = outputs()
    assert check_outputs(np.zeros_like(challenger), challenger, LIMITS) == []


def test_check_outputs__few_rows_are_not_called_constant() -> None:
    assert check_outputs(np.zeros(4), np.full(4, 0.001), LIMITS) == []


def test_check_outputs__no_rows_are_missing_data_not_a_clean_bill() -> None:
    with pytest.raises(BadInput, match="missing"):
        check_outputs(np.array([]), np.array([]), LIMITS)


def test_rank_correlation_floor__is_the_worst_gate_session() -> None:
    sessions = pd.DataFrame(
        {
            "session": [1, 1, 1, 2, 2, 2, 3, 3, 3],
            "champion": [1, 2, 3, 1, 2, 3, 0, 0, 0],
            "challenger": [1, 2, 3, 3, 2, 1, 1, 2, 3],
        }
    )
    assert rank_correlation_floor(sessions) == pytest.approx(-1)
    assert rank_correlation_floor(sessions[sessions["session"] == 3]) is None
