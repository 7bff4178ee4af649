from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evergreen.core.canary.guardrails import (
    OutputLimits,
    check_outputs,
    rank_correlation_floor,
)
from evergreen.errors import BadInput

LIMITS = OutputLimits(residual_sigma=0.02, target_low=-0.2, target_high=0.2, rank_correlation=-0.3)


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
