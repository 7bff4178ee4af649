"""False promotions over the life of a model name, simulated."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.discoveries import ALPHA, false_share, lives, promoted

LIVES = 200


@pytest.mark.parametrize("worse", [1.0, 0.5])
@pytest.mark.parametrize("ending", ["carried", "hold"])
def test_promotions__of_other_recipes_are_false_no_more_often_than_stated(worse: float, ending: str) -> None:
    searched = lives(11, LIVES, worse)
    false = false_share(searched, promoted(searched, for_life=True, ending=ending))
    assert false.mean() <= ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / LIVES)


@pytest.mark.parametrize(("for_life", "ending"), [(False, "hold"), (True, "regret")])
def test_promotions__at_one_level_for_all_or_by_regret_are_false_in_many_a_life(for_life: bool, ending: str) -> None:
    searched = lives(11, LIVES, 1.0)
    assert false_share(searched, promoted(searched, for_life, ending)).mean() > 2 * ALPHA
