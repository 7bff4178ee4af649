"""How much worse than the champion is still good enough: a share of what the champion is shown to be worth.

The fixed-margin method of non-inferiority trials (FDA, "Non-Inferiority Clinical Trials to Establish Effectiveness",
2016): the random walk is the placebo, the champion the treatment in use, and a challenger must be shown to keep a
stated part of its effect.
"""

from __future__ import annotations

from dataclasses import dataclass

from evergreen.core.evaluation.diebold_mariano import DieboldMariano

RETAINED = 0.5  # of the shown effect, as regulators ask of a drug against the one in use


@dataclass(frozen=True)
class Retention:
    """What must be kept of the champion's advantage over the random walk, in units of r.

    Attributes:
        advantage: of the champion over the random walk, on the sessions that both models are judged on.
        retained: the share of it, 0 to 1, that a challenger must keep.
    """

    advantage: DieboldMariano
    retained: float = RETAINED

    @property
    def shown(self) -> float:
        """The lower 90 % bound of the advantage: what is there to keep; 0 if none is shown."""
        return max(0.0, self.advantage.lower90)

    @property
    def margin(self) -> float:
        """How much worse than the champion a challenger may be: (1 - retained) times what is shown."""
        return (1 - self.retained) * self.shown

    def kept_share(self, contest: DieboldMariano) -> float | None:
        """The share that a challenger keeps for sure, by its contest with the champion; None if none is shown.

        1 + its lower 90 % bound over what is shown: 1 keeps all, more than 1 is better, below 0 loses more than that.
        """
        return 1 + contest.lower90 / self.shown if self.shown > 0 else None
