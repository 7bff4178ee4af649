from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evergreen.core.model.training import TrainingConfig, training_frame

NAMES = [f"F{i}" for i in range(8)]


def made_training_set(signal: float, seed: int = 3, tickers: int = 5, sessions: int = 420) -> pd.DataFrame:
    """A panel whose label follows F0 with the given strength; the last session has no label yet."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [[f"T{i}" for i in range(tickers)], pd.bdate_range("2015-01-01", periods=sessions).as_unit("us")],
        names=["ticker", "session"],
    )
    features = pd.DataFrame(rng.normal(size=(len(index), 8)).astype(np.float32), index=index, columns=NAMES)
    features.iloc[::17, 2] = np.nan
    labels = 0.02 * (signal * features["F0"].astype(float) + rng.standard_t(5, len(index)))
    labels[labels.index.get_level_values("session") == index.levels[1][-1]] = np.nan
    return training_frame(features, labels)


@pytest.fixture(scope="session")
def training_set() -> pd.DataFrame:
    return made_training_set(signal=0.4)


@pytest.fixture(scope="session")
def noise_set() -> pd.DataFrame:
    return made_training_set(signal=0.0)


@pytest.fixture(scope="session")
def small_config() -> TrainingConfig:
    return TrainingConfig(
        folds=3,
        test_size=50,
        min_train=150,
        validation_size=60,
        rounds=60,
        learning_rate=0.1,
        feature_fraction=0.9,
    )
