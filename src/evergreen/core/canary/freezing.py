"""All that a canary is judged by, fixed on sessions that both models forecast out of sample."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from evergreen.core.canary.guardrails import OutputLimits, dispersion_range, rank_correlation_floor
from evergreen.core.canary.power import PowerPlan, plan_power
from evergreen.core.canary.quality import QualityTest
from evergreen.core.evaluation.metrics import session_losses


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
    target: tuple[float, float],
    alpha_promote: float = 0.05,
    alpha_rollback: float = 0.10,
    t_min: int = 8,
    t_max: int = 60,
) -> Frozen:
    """Fix a canary.

    Args:
        champion: ticker, session, forecast: its walk-forward record and what it has said since.
        challenger: ticker, session, forecast, label: its walk-forward record.
        residual_sigma: of the champion's record.
        target: lowest and highest label the challenger was trained on.
        alpha_promote, alpha_rollback, t_min, t_max: as of `QualityTest`.

    Raises:
        BadInput: fewer than 60 common sessions.
    """
    renamed = champion[["ticker", "session", "forecast"]].rename(columns={"forecast": "champion"})
    both = challenger.merge(renamed, on=["ticker", "session"])
    pairs = both.rename(columns={"forecast": "challenger"}).dropna(subset="label")
    by_row = pairs.set_index(["ticker", "session"])
    ours, theirs = (session_losses(by_row[name], by_row["label"]).to_numpy() for name in ("champion", "challenger"))
    limits = OutputLimits(
        residual_sigma=residual_sigma,
        target_low=target[0],
        target_high=target[1],
        rank_correlation=rank_correlation_floor(pairs),
        dispersion=dispersion_range(pairs),
    )
    test = QualityTest(ours, theirs, None, alpha_promote, alpha_rollback, t_min, t_max)
    return Frozen(test, limits, plan_power(ours, theirs, None, alpha_promote, alpha_rollback, t_min, t_max))
