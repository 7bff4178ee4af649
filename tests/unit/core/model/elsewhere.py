"""Models as a researcher's own environment leaves them: fitted with scikit-learn, exported with skl2onnx."""

from __future__ import annotations

import json
import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ROWS = 8  # golden ones


def fitted(features: NDArray[np.float32], label: NDArray[np.float64], *, imputes: bool = True) -> BaseEstimator:
    """A ridge on standardised factors."""
    rows = np.where(np.isfinite(features), features, np.float32(0.0))
    with np.errstate(all="ignore"):
        return ridge(imputes=imputes).fit(rows, label)


def ridge(*, imputes: bool = True) -> BaseEstimator:
    """What is to be fitted."""
    imputer = [SimpleImputer(strategy="constant", fill_value=0.0)] if imputes else []
    return make_pipeline(*imputer, StandardScaler(), Ridge(alpha=1000.0))


def exported(
    model: BaseEstimator, features: NDArray[np.float32], names: list[str] | None = None, off: float = 0.0
) -> bytes:
    """An .onnx file that names its columns, with golden rows as scikit-learn answers them, or `off` by so much."""
    from skl2onnx import to_onnx

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = to_onnx(model, features[:1])
    golden = np.where(np.isfinite(features[:ROWS]), features[:ROWS], np.float32(0.0))
    notes = {"golden": {"inputs": golden.tolist(), "outputs": (model.predict(golden) + off).tolist()}}
    for key, value in (notes | ({"features": names} if names else {})).items():
        note = graph.metadata_props.add()
        note.key, note.value = key, json.dumps(value)
    return bytes(graph.SerializeToString())
