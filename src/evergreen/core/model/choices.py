"""What a person may choose when they ask for a training; it stays with the request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class TrainingChoices:
    """The choices that `flows.retrain` offers; the defaults are those of `core.model.config`.

    Attributes:
        horizon: sessions ahead that the model forecasts.
        learner: what fits it, by name.
        folds: walk-forward test windows; fewer suit a short history.
        seed: of the training.
        tuning_budget: configurations to search among before the folds; 0 takes the defaults.
    """

    horizon: int = 1
    learner: str = "lightgbm"
    folds: int = 8
    seed: int = 7
    tuning_budget: int = 0

    @classmethod
    def of(cls, evidence: Mapping[str, Any], otherwise: TrainingChoices) -> TrainingChoices:
        """Those a request was made with; `otherwise` for one that was made without."""
        return cls(**evidence["training"]) if "training" in evidence else otherwise

    def as_dict(self) -> dict[str, int | str]:
        """Names and values, as they go on record and to the notebook."""
        return asdict(self)

    @property
    def phrase(self) -> str:
        """What differs from the defaults; empty when nothing does."""
        usual = TrainingChoices().as_dict()
        return "".join(f", {name} {value}" for name, value in self.as_dict().items() if value != usual[name])
