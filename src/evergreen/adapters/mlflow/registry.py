"""MLflow's registry: which model versions exist, and which alias points at which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from evergreen.adapters.infra.urls import without_password
from evergreen.adapters.mlflow.client import answering, connect
from evergreen.adapters.mlflow.runs import HASH_TAG, tracking_at
from evergreen.errors import Broken, NotFound

PAGE = 1000  # versions an answer of MLflow's has at most


@dataclass(frozen=True)
class RegisteredVersion:
    """One registered version; `version` is always text."""

    version: str
    run_id: str
    tags: dict[str, str]


class Registry:
    """The registered models of one MLflow: a server (http...) or a SQLite file (sqlite:///...).

    Connects at the first call. Every method raises Unavailable when MLflow does not answer.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def register(self, name: str, run_id: str, tags: Mapping[str, str]) -> str:
        """Register the run's model under `name`; a run has one version, however often it is registered.

        Returns MLflow's number of the version. Which run a number means is for the caller's record to say.

        Raises:
            NotFound: no such run.
            Broken: the run logged no model.
        """
        with answering(self.uri):
            run = self._client.get_run(run_id)
            if not self._client.search_registered_models(f"name='{name}'"):
                self._client.create_registered_model(name)
            same = [each for each in self.versions(name) if each.run_id == run_id]
            if same:
                return same[0].version
            outputs = run.outputs.model_outputs if run.outputs else []
            if not outputs:
                raise Broken(f"run {run_id} logged no model.", "Train again.")
            file_hashes = {key: value for key, value in run.data.tags.items() if key.startswith(HASH_TAG)}
            model_id = outputs[0].model_id
            with tracking_at(self.uri):
                created = self._client.create_model_version(
                    name, f"models:/{model_id}", run_id, tags=file_hashes | dict(tags), model_id=model_id
                )
        return str(created.version)

    def versions(self, name: str) -> list[RegisteredVersion]:
        """All versions of a model, oldest first; none when the model is unknown."""
        with answering(self.uri):
            registered = list(self._registered(name))
        versions = [RegisteredVersion(str(each.version), str(each.run_id), dict(each.tags)) for each in registered]
        return sorted(versions, key=lambda each: int(each.version))

    def describe(self, name: str, run_id: str, text: str) -> None:
        """Put `text` (Markdown) at the head of the pages of a run and of its registered version.

        Raises:
            NotFound: no version of that run.
        """
        number = self._number(name, run_id)
        with answering(self.uri):
            self._client.update_model_version(name, number, text)
            self._client.set_tag(run_id, MLFLOW_RUN_NOTE, text)

    def aliases(self, name: str) -> dict[str, str]:
        """Alias -> run whose version bears it; empty when the model is unknown."""
        try:
            with answering(self.uri):
                numbers = self._client.get_registered_model(name).aliases
        except NotFound:
            return {}
        runs = {version.version: version.run_id for version in self.versions(name)}
        return {str(alias): runs[str(number)] for alias, number in numbers.items()}

    def set_alias(self, name: str, alias: str, run_id: str) -> None:
        """Point `alias` at the version of a run, wherever it pointed before: MLflow keeps no compare-and-set.

        Raises:
            NotFound: no version of that run.
        """
        number = self._number(name, run_id)
        with answering(self.uri):
            self._client.set_registered_model_alias(name, alias, number)

    def delete_alias(self, name: str, alias: str) -> None:
        """Remove `alias`; nothing happens when it is not there."""
        if alias in self.aliases(name):
            with answering(self.uri):
                self._client.delete_registered_model_alias(name, alias)

    def _number(self, name: str, run_id: str) -> str:
        """MLflow's own number of a run's version: it counts from anew when its database is lost, runs do not."""
        numbers = [version.version for version in self.versions(name) if version.run_id == run_id]
        if not numbers:
            raise NotFound(
                f"MLflow at {without_password(self.uri)} has no version of run {run_id} in model {name!r}.",
                "It was deleted, or the model renamed: restore MLflow's database from a backup.",
            )
        return numbers[0]

    def _registered(self, name: str) -> Iterator[ModelVersion]:
        """Every version of a model, one page of MLflow's answer after the other."""
        token: str | None = None
        while token != "":
            page = self._client.search_model_versions(f"name='{name}'", max_results=PAGE, page_token=token)
            yield from page
            token = page.token or ""

    @cached_property
    def _client(self) -> MlflowClient:
        return connect(self.uri)
