"""What a canary can see, worked out before it starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from evergreen.core.canary.betting import Floats, history_difference
from evergreen.core.canary.rules import CanaryVerdict, Rules, first_decisions, rules_from

GRID = (  # excess losses; from less than a canary can see to a loss twice as large
    0.0,
    0.02,
    0.05,
    0.10,
    0.20,
    0.50,
    1.0,
)
SEEN = 0.80  # the usual power of a planned trial
HOPELESS = 0.20  # below it a canary ends undecided four times out of five, whatever the model is worth


@dataclass(frozen=True)
class Power:
    """What happens to a challenger whose loss is `excess` above the champion's (0.2 is 20 % worse).

    `sessions`: the median until rollback among those rolled back, None if there were none.
    """

    excess: float
    rolled_back: float
    promoted: float
    inconclusive: float
    sessions: float | None


@dataclass(frozen=True)
class PowerPlan:
    """Simulated fates by size of the harm; `sentence` is what to print before the canary starts."""

    scale: float
    margin: float
    t_max: int
    table: tuple[Power, ...]
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """The plan with its refusal, ready for JSON."""
        return asdict(self) | {"refusal": self.refusal}

    @property
    def refusal(self) -> str:
        """Why such a canary is not worth starting; empty if it is."""
        equal, seen = self.table[0], [each for each in self.table if each.rolled_back >= SEEN]
        if equal.promoted < HOPELESS:
            return f"An equal model would be promoted in only {equal.promoted:.0%} of the runs: {self.sentence}"
        return "" if seen else f"It would not notice a loss twice as large: {self.sentence}"


def plan_power(
    champion_history: ArrayLike,
    challenger_history: ArrayLike,
    margin: float | None = None,
    alpha_promote: float = 0.05,
    alpha_rollback: float = 0.10,
    t_min: int = 8,
    t_max: int = 60,
    excesses: Sequence[float] = GRID,
    simulations: int = 1_000,
    seed: int = 7,
) -> PowerPlan:
    """Run the coming canary many times on its own history: block bootstrap of r, centred, then made worse.

    Centring makes the two models equal on (log) average; multiplying the challenger's loss by 1 + excess then
    moves each r exactly. Blocks of max(5, cube root of the history) sessions keep the dependence between
    sessions.

    Raises:
        BadInput: as `QualityTest`.
    """
    r = history_difference(champion_history, challenger_history)
    rules = rules_from(r, margin, (alpha_promote, alpha_rollback), t_min, t_max)
    ratios = _bootstrap(_centred_log_ratio(r), simulations, t_max, np.random.default_rng(seed))
    table = tuple(_power(ratios, float(excess), rules) for excess in sorted({0.0, *excesses}))
    return PowerPlan(rules.scale, rules.margin, t_max, table, _sentence(table, rules))


def _centred_log_ratio(r: Floats) -> Floats:
    inside = np.clip(r, -1.999, 1.999)
    log_ratio = np.log((2 - inside) / (2 + inside))
    return np.asarray(log_ratio - log_ratio.mean())


def _bootstrap(series: Floats, simulations: int, length: int, generator: np.random.Generator) -> Floats:
    block = max(5, round(len(series) ** (1 / 3)))
    starts = generator.integers(0, len(series), (simulations, -(-length // block), 1))
    places = (starts + np.arange(block)).reshape(simulations, -1)[:, :length]
    return np.asarray(series[places % len(series)])


def _power(log_ratios: Floats, excess: float, rules: Rules) -> Power:
    r = -2 * np.tanh((log_ratios + np.log1p(excess)) / 2)
    decisions, sessions = first_decisions(r, rules)
    rolled_back = decisions == CanaryVerdict.ROLLBACK.value
    return Power(
        excess=excess,
        rolled_back=float(rolled_back.mean()),
        promoted=float((decisions == CanaryVerdict.PROMOTE.value).mean()),
        inconclusive=float((decisions == CanaryVerdict.INCONCLUSIVE.value).mean()),
        sessions=float(np.median(sessions[rolled_back])) if rolled_back.any() else None,
    )


def _sentence(table: tuple[Power, ...], rules: Rules) -> str:
    seen = [power for power in table if power.excess > 0 and power.rolled_back >= SEEN]
    harm = (
        f"To see a loss {seen[0].excess:.0%} worse takes about {seen[0].sessions:.0f} sessions "
        f"(found in {seen[0].rolled_back:.0%} of the runs within {rules.t_max})"
        if seen
        else f"No loss up to {table[-1].excess:.0%} worse is found reliably within {rules.t_max} sessions"
    )
    return (
        f"{harm}; an equal model is promoted in {table[0].promoted:.0%} of the runs and rolled back in "
        f"{table[0].rolled_back:.0%}. "
        f"Promotion shows a loss less than {rules.margin:.2%} worse, no gain."
    )
