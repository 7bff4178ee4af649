"""LightGBM boosters as verified native text; never pickle."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from evergreen.errors import BadInput, ModelRefused, NotFound

if TYPE_CHECKING:  # the service's child parses models without pandas
    from evergreen.core.model.manifest import Manifest


def to_text(booster: lgb.Booster) -> str:
    """The booster in LightGBM's native text format, all trees."""
    return str(booster.model_to_string(num_iteration=-1))


def from_text(text: str) -> lgb.Booster:
    """A booster from native text that is already trusted.

    The parser is not memory-safe: text from a file goes through `load_verified`.
    """
    return lgb.Booster(model_str=text)


def sha256(text: str) -> str:
    """Hex SHA-256 of the text in UTF-8: the identity of a model."""
    return hashlib.sha256(text.encode()).hexdigest()


def load_verified(path: Path, sha256: str) -> lgb.Booster:
    """Read the file once, compare its hash with the registered one, and only then parse that same copy.

    Raises:
        NotFound: there is no such file.
        ModelRefused: its bytes are not the registered model's.
    """
    return from_text(read_verified(path, sha256))


def read_verified(path: Path, sha256: str) -> str:
    """The text of a model file whose bytes are the registered ones, not parsed.

    Raises:
        NotFound: there is no such file.
        ModelRefused: its bytes are not the registered model's.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"no model file at {path}.", "Download the version again from the registry.") from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise ModelRefused(
            f"{path} is not the registered model: SHA-256 {digest[:12]}... instead of {sha256[:12]}...",
            "Delete the file and download the version again from the registry.",
        )
    return content.decode()


def require_described(booster: lgb.Booster, manifest: Manifest, sha256: str) -> None:
    """Pass only where a manifest describes this very booster: its hash, and its features in its order.

    Raises:
        ModelRefused: it describes another.
    """
    names = tuple(booster.feature_name())
    if manifest.model_sha256 != sha256:
        what = "describes another model"
    elif names != tuple(manifest.feature_names):
        what = f"lists {len(manifest.feature_names)} features, not the {len(names)} of its model in their order"
    else:
        return
    raise ModelRefused(f"The manifest {what}.", "Fetch the version again with `evergreen reconcile`.")


def zero_booster(feature_names: Sequence[str]) -> lgb.Booster:
    """The random walk as a booster: it answers 0 (no change in log price) for any row, NaN included."""
    nothing = np.zeros((2, len(feature_names)), dtype=np.float32)
    dataset = lgb.Dataset(nothing, np.zeros(2), feature_name=list(feature_names))
    settings = {"objective": "regression", "deterministic": True, "num_threads": 1, "seed": 0, "verbose": -1}
    return from_text(to_text(lgb.train(settings, dataset, num_boost_round=1)))


def predict(booster: lgb.Booster, matrix: NDArray[np.floating], num_threads: int = 1) -> NDArray[np.float64]:
    """Forecast log returns of the rows, each by itself: equal rows give equal bits, in however many threads.

    Args:
        booster: a model.
        matrix: rows x features, float32 or float64, columns in the model's order; NaN is a value.
        num_threads: for many rows; one row is answered soonest by one.

    Raises:
        BadInput: not a matrix, or not the model's number of features.
    """
    if matrix.ndim != 2 or matrix.shape[1] != booster.num_feature():
        raise BadInput(
            f"a matrix of shape {matrix.shape} was offered to a model of {booster.num_feature()} features.",
            "Give rows x features in the order of the model's manifest.",
        )
    return np.asarray(booster.predict(matrix, num_threads=num_threads), dtype=np.float64)
