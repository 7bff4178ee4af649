from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evergreen.core.evaluation import evaluate, skill_line


def made_oos(signal: float) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    keys = pd.MultiIndex.from_product([["A", "B", "C"], pd.bdate_range("2010-01-01", periods=200)])
    label = rng.normal(0, 0.02, len(keys))
    forecast = signal * label + rng.normal(0, 0.0004, len(keys))
    return pd.DataFrame(
        {
            "ticker": keys.get_level_values(0),
            "session": keys.get_level_values(1),
            "forecast": forecast,
            "label": label,
            "lower": forecast - 0.033,
            "upper": forecast + 0.033,
        }
    )


def test_evaluate__says_what_is_undefined_with_none():
    metrics = evaluate(made_oos(0.0).assign(forecast=0.0))
    assert metrics["rank_ic"] is None and metrics["ic"] is None
    assert (metrics["gain"], metrics["skill"], metrics["p_better"]) == (0.0, 0.0, 0.5)
    assert (metrics["sessions"], metrics["rows"]) == (200.0, 600.0)


def test_evaluate__gain_and_skill_agree_in_sign():
    metrics = evaluate(made_oos(0.1))
    assert metrics["gain"] > metrics["gain_lower90"] > 0
    assert metrics["skill"] == pytest.approx(1 - 0.9**2, abs=0.01)
    assert metrics["coverage"] > 0.85


def test_skill_line__claims_only_what_p_allows():
    assert skill_line(evaluate(made_oos(0.1))).startswith("Skill over the random walk: over 200 sessions")
    assert skill_line(evaluate(made_oos(0.0))).startswith("No measurable skill over the random walk")
    assert "p = 0.500" in skill_line(evaluate(made_oos(0.0).assign(forecast=0.0)))
