"""A factor declared outside the library, from its line in a notebook to training and serving."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.adapters.feast import Features
from evergreen.core.dataset.look_ahead_audit import LooksAhead
from evergreen.core.features import FEATURE_NAMES, compute_features, factor
from evergreen.core.model.training import TrainingConfig, train
from evergreen.research.sample import accepted_sample_bars
from evergreen.research.training_sets import training_set_with
from tests.unit.adapters.feast.rows import REPO, SESSIONS, Rows, at_close

DECLARED = '''
from evergreen.core.features import factor


@factor(lookback=6)
def GAP5(bars):
    """mean(open / ref(close, 1) - 1, 5)"""
    return (bars.open / bars.close.shift(1) - 1).rolling(5).mean()
'''
SMALL = TrainingConfig(folds=2, test_size=40, min_train=150, rounds=10)

MOM20 = factor(21, "MOM20", "close / ref(close, 20) - 1")(lambda bars: bars.close / bars.close.shift(20) - 1)
PEEK = factor(21, "PEEK", "ref(close, -1) / close - 1")(lambda bars: bars.close.shift(-1) / bars.close - 1)


def test_training_set_with__a_factor_goes_through_feast_and_the_audit_into_a_model(tmp_path: Path) -> None:
    bars = accepted_sample_bars(pd.Timestamp("2002-01-31"), ["AAPL", "IBM", "MSFT"])
    rows = training_set_with([MOM20], bars, 1, tmp_path / "features")
    expected = compute_features(bars, [MOM20])["MOM20"].sort_index(level=["session", "ticker"])
    assert rows["MOM20"].to_numpy().tobytes() == expected.to_numpy().tobytes()
    model = train(rows, SMALL).manifest("2002-01-31", "v1")
    assert model.feature_names == (*FEATURE_NAMES, "MOM20")
    assert model.audit is not None and model.audit["features"] == 159 and model.audit["findings"] == []
    with pytest.raises(LooksAhead, match="PEEK moves with the bars after its session"):
        training_set_with([MOM20, PEEK], bars, 1, tmp_path / "features")
    assert not list((tmp_path / "features").glob("PEEK_*"))


def test_features__a_factor_of_the_repository_is_stored_joined_and_served(tmp_path: Path) -> None:
    shutil.copytree(REPO, tmp_path / "repo", ignore=shutil.ignore_patterns("__pycache__"))
    before = Features(tmp_path / "features", tmp_path / "repo")
    rows = Rows(["AAA", "BBB"], SESSIONS)
    rows.write(before)
    (tmp_path / "repo" / "factors.py").write_text(DECLARED)
    store = Features(tmp_path / "features", tmp_path / "repo")
    (declared,) = store.factors
    assert store.names == (*FEATURE_NAMES, "GAP5") and declared.formula == "mean(open / ref(close, 1) - 1, 5)"
    values = np.arange(len(rows.features), dtype=np.float32)
    rows.features = rows.features.assign(GAP5=values)
    assert rows.write(store) == len(values)  # the 158 and the prices stand already
    joined = store.training_frame(rows.entity())
    assert joined["GAP5"].to_numpy(np.float32).tobytes() == values.tobytes()
    store.materialize(at_close(SESSIONS[-1]))
    online = store.read_online(["AAA", "BBB"]).features
    assert online["GAP5"].tolist() == [values[14], values[29]] and online.shape == (2, 159)
    assert store._feast.get_feature_view(declared.view).features[0].description == declared.formula
    noisy = rows.features.assign(GAP5=np.nextafter(values, np.float32(np.inf)))
    rows.features = noisy
    assert rows.write(store) == 0  # the last bit of a value summed from elsewhere is no correction
