"""Where a recipe stands among all that were tried under one model name, and what level that leaves it.

A recipe is a learner, its configuration and its features. It is one hypothesis, however often it is trained again: a
longer record is more evidence on the same question, and no new trial. Another recipe is a new trial, and a search
through many of them finds a lucky one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from evergreen.errors import BadInput


@dataclass(frozen=True)
class Place:
    """A challenger's recipe in the life of a model name.

    Attributes:
        number: which recipe of the name it is, from 1; the same each time it is trained again.
        discoveries: recipes before it that were promoted by their own evidence.
        renewal: it is the champion's recipe, trained again up to a later session.

    Raises:
        BadInput: a number below 1, or more discoveries than recipes before it.
    """

    number: int = 1
    discoveries: int = 0
    renewal: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.discoveries < self.number:
            raise BadInput(
                f"recipe {self.number} cannot come after {self.discoveries} discoveries.",
                "Recipes count from 1, and each before it was a discovery at most once.",
            )

    @property
    def share(self) -> float:
        """What is left of a level that only a search uses up: (R + 1) / k^2 for the k-th recipe after R discoveries."""
        return min(1.0, (self.discoveries + 1) / self.number**2)

    def level(self, alpha: float) -> float:
        """What a discovery takes: alpha_k = alpha 6 (R + 1) / (pi^2 k^2).

        e-LOND (Xu & Ramdas, AISTATS 2024): with e-values E_k, promoting where E_k >= 1 / alpha_k keeps the expected
        share of false ones among all promotions at or below alpha, however the tests depend on each other.
        """
        return alpha * 6.0 / math.pi**2 * self.share


FIRST = Place()
