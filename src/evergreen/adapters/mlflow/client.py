"""A client of MLflow that starts safely and says in a sentence when there is no answer."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# A server that hangs must cost seconds, not MLflow's default of 120 s times eight tries.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "1")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from requests import RequestException
from sqlalchemy.exc import DBAPIError

from evergreen.adapters.feast.import_feast import import_feast
from evergreen.adapters.infra.accounts import not_admitted
from evergreen.adapters.infra.dumps import SQLITE
from evergreen.adapters.infra.urls import past_proxies, without_password
from evergreen.adapters.mlflow.relocate import ARTIFACTS, follow_database
from evergreen.errors import BadInput, EvergreenError, NotFound, NotPermitted, Unavailable

KIND = {"mlflow.experimentKind": "custom_model_development"}  # opens on training runs, not on traces
ABSENT = {"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"}
UNFIT = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "INVALID_STATE"}

for _noisy in ("mlflow", "alembic"):
    logging.getLogger(_noisy).setLevel(logging.WARNING)


@contextmanager
def answering(uri: str) -> Iterator[None]:
    """Turn MLflow's failures into errors of ours.

    Raises:
        NotFound: no such run, model, version or alias.
        BadInput: MLflow refuses a name or value.
        BadSetting: the server asks for another account.
        NotPermitted: the account may not do this.
        Unavailable: no answer, or a server error.
    """
    try:
        yield
    except MlflowException as error:
        raise _told(without_password(uri), error) from error
    except (RequestException, DBAPIError) as error:
        raise _silent(without_password(uri), error) from error


def _told(place: str, error: MlflowException) -> EvergreenError:
    if error.error_code in ABSENT:
        return NotFound(f"MLflow at {place}: {error.message}", "Look at its models and runs.")
    if error.error_code in UNFIT:
        return BadInput(f"MLflow at {place}: {error.message}")
    if error.error_code == "UNAUTHENTICATED":
        return not_admitted("MLflow", place)
    if error.error_code == "PERMISSION_DENIED":
        return NotPermitted(f"MLflow at {place} does not let this account do that.", "Ask its administrator.")
    return _silent(place, error)


def connect(uri: str) -> MlflowClient:
    """A client whose stores have been opened once.

    MLflow creates and migrates a SQLite database when it is first opened, and processes that do so
    together break each other; so that happens under a file lock.

    Raises:
        Unavailable: the server or database does not answer.
    """
    if not uri.startswith(SQLITE):
        import_feast()  # a request over HTTP would
        os.environ.update(past_proxies())  # MLflow's requests ask the environment alone
    with answering(uri), _alone(uri):
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        client.search_experiments(max_results=1)
        if uri.startswith(SQLITE):
            follow_database(uri)
        client.search_registered_models(max_results=1)
    return client


def experiment_id(client: MlflowClient, uri: str, name: str) -> str:
    """The experiment's id; made if missing, its artifacts beside the database when that is a file."""
    with answering(uri), _alone(uri):
        experiment = client.get_experiment_by_name(name)
        if experiment is not None:
            return str(experiment.experiment_id)
        return str(client.create_experiment(name, artifact_location=_artifacts(uri, name), tags=KIND))


def _artifacts(uri: str, experiment: str) -> str | None:
    if not uri.startswith(SQLITE):
        return None
    return (Path(uri.removeprefix(SQLITE)).resolve().parent / ARTIFACTS / experiment).as_uri()


@contextmanager
def _alone(uri: str) -> Iterator[None]:
    """One process at a time on one SQLite file; the lock goes with its process, however that ends."""
    if not uri.startswith(SQLITE):
        yield
        return
    database = Path(uri.removeprefix(SQLITE))
    database.parent.mkdir(parents=True, exist_ok=True)
    with database.with_name(database.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _silent(place: str, error: Exception) -> Unavailable:
    lines = str(error).strip().splitlines()
    return Unavailable(
        f"MLflow at {place} did not answer: {lines[0] if lines else type(error).__name__:.300}",
        "Start it or correct EVERGREEN_MLFLOW_URI, then run this again.",
    )
