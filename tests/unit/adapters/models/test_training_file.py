from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evergreen.adapters.models import training_file
from evergreen.adapters.models.training_file import TrainingFile, write_training_set
from evergreen.core.dataset.look_ahead_audit import ATTRIBUTE
from evergreen.core.dataset.panel import training_set_sha256
from evergreen.core.model.training import TrainingConfig, train, training_frame


@pytest.fixture
def features_and_labels():
    rng = np.random.default_rng(5)
    index = pd.MultiIndex.from_product(
        [["C", "A", "B"], pd.bdate_range("2005-01-03", periods=300).as_unit("us")], names=["ticker", "session"]
    )
    features = pd.DataFrame(rng.normal(size=(900, 3)).astype(np.float32), index=index, columns=["F1", "F2", "F3"])
    features.iloc[::7, 1] = np.nan
    labels = pd.Series(rng.normal(0.0, 0.02, 900), index=index)
    labels[index.get_level_values("session") == index.levels[1][-1]] = np.nan
    return features, labels


def test_write_training_set__in_slabs_is_the_frame_in_one(features_and_labels, tmp_path, monkeypatch):
    monkeypatch.setattr(training_file, "SLAB", 128)
    assert write_training_set(*features_and_labels, tmp_path / "set.parquet") == 900
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "set.parquet"), training_frame(*features_and_labels))


@pytest.mark.parametrize("in_memory", [training_file.HELD, 0])
@pytest.mark.parametrize("ranked", [False, True])
def test_training_file__trains_the_model_of_the_frame(features_and_labels, tmp_path, monkeypatch, in_memory, ranked):
    monkeypatch.setattr(training_file, "HELD", in_memory)
    frame = training_frame(*features_and_labels)
    frame.attrs = {ATTRIBUTE: {"features": 3, "sessions": ["2005-03-01"], "findings": []}}
    frame.to_parquet(tmp_path / "set.parquet", index=False, row_group_size=128)
    file = TrainingFile(tmp_path / "set.parquet")
    config = TrainingConfig(folds=2, test_size=30, min_train=100, validation_size=30, rounds=10, ranked=ranked)
    from_file, from_frame = train(file, config), train(frame, config)
    assert training_set_sha256(file) == training_set_sha256(frame)
    assert from_file.audit is not None
    assert from_file.manifest("2006-02-24", "d") == from_frame.manifest("2006-02-24", "d")
    pd.testing.assert_frame_equal(from_file.oos, from_frame.oos)


def test_training_file__rows_that_are_not_held_are_those_of_the_frame(features_and_labels, tmp_path, monkeypatch):
    monkeypatch.setattr(training_file, "SLAB", 128)
    write_training_set(*features_and_labels, tmp_path / "set.parquet")
    frame, file = training_frame(*features_and_labels), TrainingFile(tmp_path / "set.parquet")
    rows, names = np.flatnonzero(np.isfinite(frame["label"])), ("F3", "F1")
    expected = frame[list(names)].to_numpy()[rows]
    monkeypatch.setattr(training_file, "HELD", 0)
    matrix = file.matrix(names, rows)
    assert not isinstance(matrix, np.ndarray) and matrix.shape == expected.shape
    for places in (slice(None), slice(100, 400), slice(128, 128), np.array([3, 127, 128, 600])):
        np.testing.assert_array_equal(matrix[places], expected[places])


def test_training_file__rows_out_of_order_are_held(features_and_labels, tmp_path, monkeypatch):
    monkeypatch.setattr(training_file, "HELD", 0)
    write_training_set(*features_and_labels, tmp_path / "set.parquet")
    matrix = TrainingFile(tmp_path / "set.parquet").matrix(("F1",), np.array([5, 2, 9]))
    assert isinstance(matrix, np.ndarray)
    np.testing.assert_array_equal(matrix[:, 0], training_frame(*features_and_labels)["F1"].to_numpy()[[5, 2, 9]])
