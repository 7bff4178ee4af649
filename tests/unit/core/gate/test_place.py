from __future__ import annotations

import pytest

from evergreen.core.gate.place import Place
from evergreen.errors import BadInput


def test_place__levels_of_recipes_without_a_discovery_sum_to_alpha() -> None:
    assert sum(Place(number).level(0.05) for number in range(1, 20_000)) == pytest.approx(0.05, rel=1e-3)


def test_place__each_discovery_adds_to_the_levels_of_what_comes_after_it() -> None:
    assert Place(5, discoveries=2).level(0.05) == pytest.approx(3 * Place(5).level(0.05))
    assert Place(2, discoveries=1).share <= 1


@pytest.mark.parametrize(("number", "discoveries"), [(0, 0), (1, 1), (3, -1)])
def test_place__that_cannot_be_is_refused(number: int, discoveries: int) -> None:
    with pytest.raises(BadInput, match="cannot come after"):
        Place(number, discoveries)
