from __future__ import annotations

import pytest
from mlflow import MlflowClient

from evergreen.adapters.mlflow.registry import Registry
from evergreen.adapters.mlflow.tracking import Tracking

NAME = "evergreen"
TAGS = {"request_id": "r1", "commit": "abc"}


@pytest.fixture(scope="package")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Tracking:
    return Tracking(f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}")


@pytest.fixture(scope="package")
def registry(tracking: Tracking) -> Registry:
    return Registry(tracking.uri)


@pytest.fixture(scope="package")
def client(tracking: Tracking) -> MlflowClient:
    return MlflowClient(tracking_uri=tracking.uri, registry_uri=tracking.uri)


@pytest.fixture
def version(tracking: Tracking, registry: Registry, model_folder) -> str:
    run_id = tracking.log_training(model_folder, {"horizon": 1}, TAGS)
    return registry.register(NAME, run_id, {"request_id": "r1"})
