"""What a person may choose when they ask for a training; it stays with the request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from evergreen.core.model.aim import Aim
from evergreen.core.model.config import TrainingConfig


@dataclass(frozen=True)
class TrainingChoices:
    """The choices that `flows.retrain` offers; the defaults are those of `core.model.config`.

    Attributes:
        horizon: sessions ahead that the model forecasts.
        learner: what fits it, by name; empty for the champion's, or what suits the panel's breadth.
        folds: most walk-forward test windows; None for as many as suit the panel's breadth.
        seed: of the training.
        tuning_budget: configurations to search among before the folds; 0 takes the defaults.
        target: what the model forecasts, by name.
    """

    horizon: int = 1
    learner: str = ""
    folds: int | None = None
    seed: int = 7
    tuning_budget: int = 0
    target: str = "return"

    @classmethod
    def of(cls, evidence: Mapping[str, Any], otherwise: TrainingChoices) -> TrainingChoices:
        """Those a request was made with; `otherwise` for one that was made without."""
        return cls(**evidence["training"]) if "training" in evidence else otherwise

    def as_dict(self) -> dict[str, int | str]:
        """Names and values that were chosen, as they go on record and to the notebook."""
        return {name: value for name, value in asdict(self).items() if value not in (None, "")}

    def config(self) -> TrainingConfig:
        """The choices of a run that is not tuned, on a panel of a few tickers."""
        return TrainingConfig(**{name: value for name, value in self.as_dict().items() if name != "tuning_budget"})  # type: ignore[arg-type]

    @property
    def aim(self) -> Aim:
        """What the model is to forecast, and how far ahead."""
        return Aim(self.target, self.horizon)

    @property
    def phrase(self) -> str:
        """What differs from the defaults; empty when nothing does."""
        usual = TrainingChoices().as_dict()
        return "".join(f", {name} {value}" for name, value in self.as_dict().items() if value != usual.get(name))
