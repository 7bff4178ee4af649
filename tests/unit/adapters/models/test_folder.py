from __future__ import annotations

import json

import pandas as pd
import pytest

from evergreen.adapters.models.folder import read_model_folder, read_oos, sha256s, write_model_folder
from evergreen.errors import Broken, EvergreenError


def test_write_model_folder__reads_back_what_was_trained(model_folder, small_training):
    model = read_model_folder(model_folder)
    assert model.manifest == small_training.manifest("2015-12-30", "d1")
    assert model.metrics["metrics"] == small_training.metrics
    assert [fold["fold"] for fold in model.metrics["folds"]] == [1, 2]
    pd.testing.assert_frame_equal(model.oos, small_training.oos, check_dtype=False)


def test_write_model_folder__equal_trainings_give_equal_bytes(model_folder, small_training, tmp_path):
    again = write_model_folder(small_training, tmp_path / "again", "2015-12-30", "d1")
    assert sha256s(again) == sha256s(model_folder)


@pytest.mark.parametrize("name", ["model.txt", "manifest.json", "oos.parquet", "metrics.json"])
def test_read_model_folder__a_damaged_or_missing_file_is_refused(model_folder, name):
    (model_folder / name).write_bytes((model_folder / name).read_bytes()[:-40])
    with pytest.raises(EvergreenError):
        read_model_folder(model_folder)
    (model_folder / name).unlink()
    with pytest.raises(EvergreenError):
        read_model_folder(model_folder)


def test_read_model_folder__a_manifest_of_another_model_is_refused(model_folder):
    manifest = json.loads((model_folder / "manifest.json").read_text())
    (model_folder / "manifest.json").write_text(json.dumps(manifest | {"model_sha256": "0" * 64}))
    with pytest.raises(EvergreenError, match="not the registered model"):
        read_model_folder(model_folder)


def test_sha256s__missing_files_are_named(tmp_path):
    with pytest.raises(Broken, match=r"model\.txt, manifest\.json, oos\.parquet"):
        sha256s(tmp_path)


def test_read_oos__is_the_walk_forward_record_and_a_missing_one_is_named(model_folder, small_training, tmp_path):
    pd.testing.assert_frame_equal(read_oos(model_folder), small_training.oos, check_dtype=False)
    with pytest.raises(Broken, match="record of"):
        read_oos(tmp_path)
