"""What a canary can see, worked out before it starts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from evergreen.core.canary.betting import Floats, history_difference
from evergreen.core.canary.rules import Rules, first_decisions, rules_from
from evergreen.core.canary.verdict import CanaryVerdict
from evergreen.core.evaluation.losses import Statistic

# Harm from less than a canary can see to a loss twice as large, or to an order that is lost and half turned round.
GRIDS = {
    Statistic.SQUARED_ERROR: (0.0, 0.02, 0.05, 0.10, 0.20, 0.50, 1.0),
    Statistic.ORDER: (0.0, 0.01, 0.02, 0.05, 0.10, 0.20),
}
SEEN = 0.80  # the usual power of a planned trial


@dataclass(frozen=True)
class Power:
    """What happens to a challenger whose loss is `excess` above the champion's: by 0.2 of it, or a RankIC lower by 0.2.

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
        seen = any(each.rolled_back >= SEEN for each in self.table)
        return "" if seen else f"It would not notice the greatest harm it was tried with: {self.sentence}"


def plan_power(
    champion_history: ArrayLike,
    challenger_history: ArrayLike,
    margin: float | None = None,
    alpha_promote: float = 0.05,
    alpha_rollback: float = 0.10,
    t_min: int = 8,
    t_max: int = 60,
    simulations: int = 1_000,
    seed: int = 7,
) -> PowerPlan:
    """Run the coming canary many times on its own history (see `plan_under`).

    Raises:
        BadInput: as `QualityTest`.
    """
    r = history_difference(champion_history, challenger_history)
    rules = rules_from(r, margin, (alpha_promote, alpha_rollback), t_min, t_max)
    return plan_under(rules, r, simulations, seed)


def plan_under(rules: Rules, r: Floats, simulations: int = 1_000, seed: int = 7) -> PowerPlan:
    """Block bootstrap of the history `r` [sessions], centred, then made worse, judged by the rules.

    Centring makes the two models equal on (log) average. Multiplying the challenger's squared error by 1 + excess, or
    taking so much off its RankIC, then moves each r exactly. Blocks of max(5, twice the horizon, cube root of the
    history) sessions keep the dependence between sessions.
    """
    ordered = rules.statistic is Statistic.ORDER
    centred = r - r.mean() if ordered else _centred_log_ratio(r)
    drawn = _bootstrap(centred, simulations, rules, np.random.default_rng(seed))
    worsened = (lambda excess: drawn - excess) if ordered else (lambda excess: _worsened(drawn, excess))
    table = tuple(_power(worsened(excess), excess, rules) for excess in GRIDS[rules.statistic])
    return PowerPlan(rules.scale, rules.margin, rules.t_max, table, _sentence(table, rules))


def _worsened(log_ratios: Floats, excess: float) -> Floats:
    return np.asarray(-2 * np.tanh((log_ratios + np.log1p(excess)) / 2))


def _centred_log_ratio(r: Floats) -> Floats:
    inside = np.clip(r, -1.999, 1.999)
    log_ratio = np.log((2 - inside) / (2 + inside))
    return np.asarray(log_ratio - log_ratio.mean())


def _bootstrap(series: Floats, simulations: int, rules: Rules, generator: np.random.Generator) -> Floats:
    block = max(5, 2 * rules.horizon, round(len(series) ** (1 / 3)))
    starts = generator.integers(0, len(series), (simulations, -(-rules.t_max // block), 1))
    places = (starts + np.arange(block)).reshape(simulations, -1)[:, : rules.t_max]
    return np.asarray(series[places % len(series)])


def _power(r: Floats, excess: float, rules: Rules) -> Power:
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
        f"To see {_named(seen[0].excess, rules)} takes about {seen[0].sessions:.0f} sessions "
        f"(found in {seen[0].rolled_back:.0%} of the runs within {rules.t_max})"
        if seen
        else f"Not even {_named(table[-1].excess, rules)} is found reliably within {rules.t_max} sessions"
    )
    equal = table[0]
    return (
        f"{harm}; of equal models {equal.promoted:.0%} of the runs show within them that no more than "
        f"{_amount(rules.margin, rules)} is lost, and {equal.rolled_back:.0%} are rolled back."
    )


def _named(excess: float, rules: Rules) -> str:
    return f"a RankIC lower by {excess:g}" if rules.statistic is Statistic.ORDER else f"a loss {excess:.0%} worse"


def _amount(margin: float, rules: Rules) -> str:
    return f"a RankIC of {margin:.4f}" if rules.statistic is Statistic.ORDER else f"{margin:.2%} of a session's loss"
