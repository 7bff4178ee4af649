"""What a model forecasts: which target, how many sessions ahead."""

from __future__ import annotations

from typing import NamedTuple


class Aim(NamedTuple):
    """A target by name over a horizon in sessions: only forecasts of one aim have the same outcome."""

    target: str
    horizon: int

    @property
    def phrase(self) -> str:
        """For a sentence."""
        return f"{self.target} over {self.horizon} session{'' if self.horizon == 1 else 's'}"


NEXT_RETURN = Aim("return", 1)
