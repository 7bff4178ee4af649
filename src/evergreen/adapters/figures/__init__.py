"""Pictures for notebooks, MLflow and model cards; each function returns a figure, `save` writes it as PNG."""

from __future__ import annotations

from evergreen.adapters.figures.decisions import canary_evidence, drift_scores, drift_shapes, duel
from evergreen.adapters.figures.market import prices, volatilities
from evergreen.adapters.figures.style import save
from evergreen.adapters.figures.training import (
    candidates,
    earned,
    forecast_scatter,
    importances,
    interval_calibration,
    skill_over_time,
)

__all__ = [
    "canary_evidence",
    "candidates",
    "drift_scores",
    "drift_shapes",
    "duel",
    "earned",
    "forecast_scatter",
    "importances",
    "interval_calibration",
    "prices",
    "save",
    "skill_over_time",
    "volatilities",
]
