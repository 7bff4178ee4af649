from __future__ import annotations

import mlflow
import pandas as pd
import pytest

from evergreen.errors import Broken, NotFound
from tests.unit.adapters.mlflow.conftest import NAME


def test_register__one_version_per_run_and_the_model_as_mlflow_serves_it(tracking, registry, version, small_training):
    run_id = tracking.find_run("r1")
    assert registry.register(NAME, run_id, {}) == version
    assert [each.version for each in registry.versions(NAME) if each.run_id == run_id] == [version]
    mlflow.set_tracking_uri(tracking.uri)
    loaded = mlflow.pyfunc.load_model(f"models:/{NAME}/{version}")
    mlflow.set_tracking_uri(None)
    golden = small_training.manifest("2015-12-30", "d1")
    rows = pd.DataFrame(golden.golden_matrix(), columns=list(golden.feature_names))
    assert loaded.predict(rows).tolist() == list(golden.golden_outputs)


def test_versions__are_all_there_however_many_an_answer_has(tracking, registry, version, model_folder, monkeypatch):
    monkeypatch.setattr("evergreen.adapters.mlflow.registry.PAGE", 1)
    other = tracking.log_training(model_folder, {}, {"request_id": "paged"})
    newer = registry.register(NAME, other, {})
    assert {version, newer} <= {each.version for each in registry.versions(NAME)}
    assert registry.register(NAME, other, {}) == newer


def test_register__what_cannot_be_registered_is_said(registry, version, client):
    with pytest.raises(NotFound):
        registry.register(NAME, "0" * 32, {})
    experiment = client.get_experiment_by_name("evergreen") or pytest.fail("no experiment")
    empty = client.create_run(experiment.experiment_id)
    with pytest.raises(Broken, match="logged no model"):
        registry.register(NAME, empty.info.run_id, {})


def test_aliases__move_vanish_and_are_known_by_their_run(tracking, registry, version, model_folder):
    mine, other = tracking.find_run("r1"), tracking.log_training(model_folder, {}, {"request_id": "r2"})
    registry.register(NAME, other, {})
    registry.set_alias(NAME, "champion", mine)
    registry.set_alias(NAME, "challenger", other)
    assert registry.aliases(NAME) == {"champion": mine, "challenger": other}
    registry.set_alias(NAME, "champion", other)
    registry.delete_alias(NAME, "challenger")
    registry.delete_alias(NAME, "challenger")
    assert registry.aliases(NAME) == {"champion": other}
    assert registry.aliases("unknown") == {} and registry.versions("unknown") == []
    with pytest.raises(NotFound, match="no version of run 999"):
        registry.set_alias(NAME, "champion", "999")


def test_describe__heads_the_pages_of_version_and_run(tracking, registry, version, client):
    run_id = tracking.find_run("r1")
    registry.describe(NAME, run_id, "**why** it is here")
    described = client.get_model_version(NAME, version)
    noted = client.get_run(run_id).data.tags["mlflow.note.content"]
    assert described.description == noted == "**why** it is here"
    with pytest.raises(NotFound):
        registry.describe(NAME, "99", "nothing")
