from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest

from evergreen.core.model.booster import from_text, predict, to_text
from evergreen.core.model.registry import load_verified
from evergreen.core.model.verified import sha256
from evergreen.errors import BadInput, ModelRefused, NotFound

NAMES = ("a", "b", "c")


@pytest.fixture(scope="module")
def booster() -> lgb.Booster:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(400, 3)).astype(np.float32)
    dataset = lgb.Dataset(matrix, matrix[:, 0] + rng.normal(size=400), feature_name=list(NAMES))
    return lgb.train({"verbose": -1, "num_threads": 1, "deterministic": True}, dataset, 20)


def test_text__round_trip_changes_no_bit(booster):
    text = to_text(booster)
    again = from_text(text)
    matrix = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    assert to_text(again) == text
    assert np.array_equal(predict(again, matrix), predict(booster, matrix))


def test_predict__a_row_does_not_depend_on_its_batch(booster):
    matrix = np.random.default_rng(2).normal(size=(50, 3)).astype(np.float32)
    alone = np.concatenate([predict(booster, row[None, :]) for row in matrix])
    assert np.array_equal(alone, predict(booster, matrix))
    assert np.array_equal(alone, predict(booster, matrix.astype(np.float64)))


def test_predict__a_wrong_number_of_features_is_refused(booster):
    for shape in ((2, 4), (3,)):
        with pytest.raises(BadInput, match="3 features"):
            predict(booster, np.zeros(shape))


def test_load_verified__reads_back_what_was_registered(booster, tmp_path):
    path = tmp_path / "model.txt"
    path.write_text(to_text(booster))
    assert load_verified(path, sha256(to_text(booster).encode()), "lightgbm").to_bytes().decode() == to_text(booster)


def test_load_verified__a_hundred_random_flips_and_every_truncation_are_refused(booster, tmp_path):
    content, path = to_text(booster).encode(), tmp_path / "model.txt"
    expected = sha256(content)
    rng = np.random.default_rng(3)
    for place, bit in zip(rng.integers(0, len(content), 100), rng.integers(0, 8, 100), strict=True):
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(bit)
        path.write_bytes(bytes(damaged))
        with pytest.raises(ModelRefused):
            load_verified(path, expected, "lightgbm")
    for size in (0, 10, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(ModelRefused, match="not the registered model"):
            load_verified(path, expected, "lightgbm")


def test_load_verified__a_missing_file_is_named(tmp_path):
    with pytest.raises(NotFound, match=r"model\.txt"):
        load_verified(tmp_path / "model.txt", "0" * 64, "lightgbm")
