from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.adapters.models.folder import write_model_folder
from evergreen.core.model.training import Training, TrainingConfig, train, training_frame
from evergreen.workspace import Workspace
from tests.conftest import enter

SMALL = TrainingConfig(folds=2, test_size=40, min_train=100, validation_size=40, rounds=20, learning_rate=0.1)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """An empty workspace, on the clock of a replay."""
    return enter(tmp_path / "home", monkeypatch)


class Vendor:
    """A folder of bars to be delivered, which a test rewrites."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.spec = f"files:{folder}"
        self._file = folder / "bars.parquet"

    def tells(self, bars: pd.DataFrame) -> None:
        """What the vendor says from now on."""
        bars.to_parquet(self._file)


@pytest.fixture
def vendor(tmp_path: Path) -> Vendor:
    return Vendor(tmp_path / "vendor")


@pytest.fixture(scope="session")
def small_training_set() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    index = pd.MultiIndex.from_product(
        [["A", "B", "C"], pd.bdate_range("2015-01-01", periods=260).as_unit("us")],
        names=["ticker", "session"],
    )
    names = [f"F{i}" for i in range(6)]
    features = pd.DataFrame(rng.normal(size=(len(index), 6)).astype(np.float32), index=index, columns=names)
    labels = 0.02 * (0.3 * features["F0"].astype(float) + rng.standard_t(5, len(index)))
    return training_frame(features, labels)


@pytest.fixture(scope="session")
def small_training(small_training_set: pd.DataFrame) -> Training:
    return train(small_training_set, SMALL)


@pytest.fixture
def model_folder(small_training: Training, tmp_path: Path) -> Path:
    return write_model_folder(small_training, tmp_path / "run", "2015-12-30", "d1")
