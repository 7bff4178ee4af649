"""False promotions over the life of a model name, simulated."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.discoveries import ALPHA, false_share, lives, promoted

LIVES = 200


@pytest.mark.parametrize("worse", [1.0, 0.5])
@pytest.mark.parametrize("carried", [True, False])
def test_promotions__of_other_recipes_are_false_no_more_often_than_stated(worse: float, carried: bool) -> None:
    searched = lives(11, LIVES, worse)
    false = false_share(searched, promoted(searched, for_life=True, carried=carried))
    assert false.mean() <= ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / LIVES)


def test_promotions__at_one_level_for_all_are_false_in_many_a_life() -> None:
    searched = lives(11, LIVES, 1.0)
    assert false_share(searched, promoted(searched, for_life=False, carried=False)).mean() > 2 * ALPHA
