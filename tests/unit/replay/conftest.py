from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from evergreen.core.market import simulate
from evergreen.core.model.config import TrainingConfig
from evergreen.core.policy import SHIPPED, Policy, choose, parse_policies
from evergreen.replay.plan import Replay

START, END = pd.Timestamp("2001-09-04"), pd.Timestamp("2001-11-30")
SMALL = TrainingConfig(
    folds=2, test_size=65, min_train=120, validation_size=60, rounds=12, patience=0, learning_rate=0.1
)


def policies(*names: str) -> tuple[Policy, ...]:
    known = parse_policies(SHIPPED.read_text())
    return tuple(choose(known, name) for name in names)


def impatient() -> Policy:
    """The default policy, but that a model is old after ten sessions."""
    (default,) = policies("default")
    return replace(default, name="impatient", trigger=replace(default.trigger, retrain_after=10, cooldown=5))


@pytest.fixture(scope="session")
def bars() -> pd.DataFrame:
    """Six stocks whose reversal can be predicted, 2000 to 2001."""
    return simulate(6, 500, seed=11, ic=0.2)


@pytest.fixture
def plan(bars: pd.DataFrame, tmp_path: Path) -> Replay:
    """Three policies over three months of them."""
    folder = tmp_path / "bars"
    folder.mkdir()
    bars.to_parquet(folder / "bars.parquet")
    walked = (*policies("never", "calendar:20"), impatient())
    return Replay(str(folder), START, END, walked, tmp_path / "out", config=SMALL)
