"""All that a canary is judged by, fixed on sessions that both models forecast out of sample."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from evergreen.core.canary.belief import measure
from evergreen.core.canary.betting import MIN_HISTORY, Floats
from evergreen.core.canary.guardrails import OutputLimits, dispersion_range, rank_correlation_floor
from evergreen.core.canary.power import PowerPlan, plan_under
from evergreen.core.canary.quality import QualityTest
from evergreen.core.canary.rules import Rules, promote_wealth, rules_from
from evergreen.core.evaluation.diebold_mariano import dm_test
from evergreen.core.evaluation.losses import Statistic, difference
from evergreen.core.evaluation.retention import RETAINED, Retention
from evergreen.core.evaluation.statistic import losses_by_session, suited_statistic
from evergreen.errors import BadInput


@dataclass(frozen=True, eq=False)
class Frozen:
    """The test of a canary that is to begin, the limits on its outputs, and what it can see."""

    test: QualityTest
    limits: OutputLimits
    plan: PowerPlan


def freeze(
    champion: pd.DataFrame,
    challenger: pd.DataFrame,
    residual_sigma: float,
    span: tuple[float, float],
    alpha_promote: float = 0.05,
    alpha_rollback: float = 0.10,
    t_min: int = 8,
    t_max: int = 60,
    retained: float = RETAINED,
    carried: bool = False,
    renewed: bool = False,
    horizon: int = 1,
    by_order: bool = True,
) -> Frozen:
    """Fix a canary.

    The margin is the gate's: what of the champion's shown advantage over the random walk may be lost. The scale comes
    from the sessions that tell the two models apart; where they are fewer than 60, from the champion's difference to
    the random walk, which is larger: the bets are then smaller.

    Args:
        champion: ticker, session, forecast: its walk-forward record and what it has said since.
        challenger: ticker, session, forecast, label: its walk-forward record.
        residual_sigma: of the champion's record.
        span: lowest and highest label the challenger was trained on.
        alpha_promote, alpha_rollback, t_min, t_max: as of `QualityTest`.
        retained: share of the champion's shown advantage that must be kept.
        carried: the evidence of the record for a promotion is carried into the canary.
        renewed: the challenger is the champion's recipe, trained again.
        horizon: sessions until an outcome is known; `t_min` and `t_max` count outcomes that do not overlap.
        by_order: whether their order counts of many tickers, as of the target.

    Raises:
        BadInput: fewer than 60 common sessions.
    """
    pairs = _pairs(champion, challenger)
    statistic = suited_statistic(pairs["session"], by_order)
    r, over_walk = _differences(pairs, statistic)
    apart = r[r != 0]
    known = apart if len(apart) >= MIN_HISTORY else over_walk
    margin = Retention(dm_test(over_walk), retained).margin
    usual = rules_from(known, margin, (alpha_promote, alpha_rollback), t_min, t_max, horizon)
    rules = _with_record(replace(usual, statistic=statistic, renewed=renewed), apart, carried)
    limits = OutputLimits(
        residual_sigma=residual_sigma,
        target_low=span[0],
        target_high=span[1],
        rank_correlation=rank_correlation_floor(pairs),
        dispersion=dispersion_range(pairs),
    )
    return Frozen(QualityTest.under(rules), limits, plan_under(rules, known))


_MODELS = ("champion", "challenger", "zero")


def _pairs(champion: pd.DataFrame, challenger: pd.DataFrame) -> pd.DataFrame:
    renamed = champion[["ticker", "session", "forecast"]].rename(columns={"forecast": "champion"})
    both = challenger.merge(renamed, on=["ticker", "session"])
    pairs = both.rename(columns={"forecast": "challenger"}).dropna(subset="label").assign(zero=0.0)
    if (sessions := pairs["session"].nunique()) < MIN_HISTORY:
        raise BadInput(
            f"{sessions} sessions of common record are too few to fix a scale.",
            f"Give at least {MIN_HISTORY} out-of-sample sessions.",
        )
    return pairs


def _differences(pairs: pd.DataFrame, statistic: Statistic) -> tuple[Floats, Floats]:
    """By session: the challenger against the champion, and the champion against the random walk."""
    rows = pairs.set_index(["ticker", "session"])
    ours, theirs, zero = (losses_by_session(statistic, rows[name], rows["label"]) for name in _MODELS)
    return difference(statistic, ours, theirs), difference(statistic, zero, ours)


def _with_record(rules: Rules, apart: Floats, carried: bool) -> Rules:
    """The rules with what the record says of the sessions that tell the two models apart, if they are enough."""
    if len(apart) < MIN_HISTORY:
        return rules
    record = measure(apart)
    known = replace(rules, record=record.mean, record_error=record.error)
    return replace(known, carried=_carried(apart, known)) if carried else known


def _carried(r: Floats, rules: Rules) -> float:
    """The record's e-value for a promotion, never more than what a promotion takes: the canary still has to keep it."""
    return min(float(promote_wealth(r, rules)[-1]), 1 / rules.alpha_promote)
