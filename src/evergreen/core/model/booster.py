"""LightGBM boosters as models, in LightGBM's native text; never pickle."""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from evergreen.core.model.protocol import Codes, Forecasts, Rows, require_width


def to_text(booster: lgb.Booster) -> str:
    """The booster in LightGBM's native text format, all trees."""
    return str(booster.model_to_string(num_iteration=-1))


def from_text(text: str) -> lgb.Booster:
    """A booster from native text that is already trusted.

    The parser is not memory-safe: text from a file goes through `registry.load_verified`.
    """
    return lgb.Booster(model_str=text)


def predict(booster: lgb.Booster, matrix: NDArray[np.floating], num_threads: int = 1) -> Forecasts:
    """Forecast log returns of the rows, each by itself: equal rows give equal bits, in however many threads.

    Args:
        booster: a model.
        matrix: rows x features, float32 or float64, columns in the model's order; NaN is a value.
        num_threads: for many rows; one row is answered soonest by one.

    Raises:
        BadInput: not a matrix, or not the model's number of features.
    """
    require_width(matrix, booster.num_feature())
    return np.asarray(booster.predict(matrix, num_threads=num_threads), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class LightGBM:
    """A booster as a model: a row depends on no other."""

    booster: lgb.Booster
    kind: str = "lightgbm"

    @property
    def features(self) -> tuple[str, ...]:
        """Names of its columns."""
        return tuple(self.booster.feature_name())

    @property
    def width(self) -> int:
        """As many columns as features."""
        return int(self.booster.num_feature())

    def prepare(self, rows: Rows, session: Codes) -> Rows:
        """The rows as they are."""
        return rows

    def predict(self, prepared: Rows, num_threads: int = 1) -> Forecasts:
        """As `predict`."""
        return predict(self.booster, prepared, num_threads)

    def importance(self) -> Forecasts:
        """Total gain of each feature."""
        return np.asarray(self.booster.feature_importance("gain"), dtype=np.float64)

    def to_bytes(self) -> bytes:
        """LightGBM's native text."""
        return to_text(self.booster).encode()
