"""A registered model as MLflow loads and serves it: any kind, read by its learner."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.adapters.models.folder import MODEL, read_manifest
from evergreen.core.model.protocol import Model, forecast
from evergreen.core.model.registry import load_verified


class FrameForecaster:
    """Forecasts of frames; the rows of one call are taken as all those of one session."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def predict(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Log return of each row, columns by name."""
        return forecast(self.model, frame[list(self.model.features)].to_numpy(np.float32))


def _load_pyfunc(data_path: str) -> FrameForecaster:
    """What MLflow calls, with the folder of model and manifest."""
    folder = Path(data_path)
    manifest = read_manifest(folder)
    return FrameForecaster(load_verified(folder / MODEL, manifest.model_sha256, manifest.kind))
