"""MLflow's tracking: what a training run did, and the files it logged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import pandas as pd
from mlflow import MlflowClient

from evergreen.adapters.mlflow.client import answering, connect, experiment_id
from evergreen.adapters.mlflow.runs import aside, facts, fetch, hashes, log_run, matches
from evergreen.adapters.models.folder import METRICS, VERIFIED, read_model_folder, write_model_folder, write_run
from evergreen.core.model.training import TrainingConfig, train_random_walk
from evergreen.errors import BadInput, Broken, Refused

REQUEST_ID = "request_id"


class Tracking:
    """One MLflow: a server (http...) or a SQLite file (sqlite:///...).

    Connects at the first call. Every method raises Unavailable when MLflow does not answer.
    """

    def __init__(self, uri: str, experiment: str = "evergreen") -> None:
        self.uri = uri
        self.experiment = experiment

    def log_training(
        self, folder: Path, params: Mapping[str, object], tags: Mapping[str, str], run_name: str = ""
    ) -> str:
        """Log a model folder as one run: metrics (folds as steps), figures, files, the model.

        A finished run with the same `request_id` tag and the same files is returned as it is; an unfinished
        one, left by a process that died, is deleted and logged anew.

        Args:
            folder: as `adapters.model_folder` lays it out.
            params: what the run was asked for; no secrets.
            tags: request_id, commit and the like; data_version, as_of and hashes are added from the manifest.
            run_name: shown in MLflow; by default MLflow makes one up.

        Returns:
            The run's id.

        Raises:
            Broken: the folder's files do not agree with each other.
        """
        model = read_model_folder(folder)
        finished_run = self.find_run(tags.get(REQUEST_ID, ""), hashes(model))
        if finished_run is not None:
            return finished_run
        with answering(self.uri):
            run = self._client.create_run(
                self._experiment_id, tags=facts(model) | dict(tags), run_name=run_name or None
            )
            log_run(self._client, self.uri, run, model, params)
        return str(run.info.run_id)

    def log_random_walk(
        self,
        training_set: pd.DataFrame,
        config: TrainingConfig,
        folder: Path,
        as_of: str,
        data_version: str,
        tags: Mapping[str, str],
    ) -> str:
        """The random walk as a run like any other: the incumbent before the first champion.

        Args:
            training_set: gives it its walk-forward evidence and intervals.
            config: of the folds.
            folder: where its model folder is written.
            as_of: session the run stands at, ISO date.
            data_version: snapshot the training set came from.
            tags: as in `log_training`.
        """
        write_model_folder(train_random_walk(training_set, config), folder, as_of, data_version)
        return self.log_training(folder, {"model": "random walk"}, tags, "random walk")

    def find_run(self, request_id: str, files: Mapping[str, str] = MappingProxyType({})) -> str | None:
        """The finished run of a request, if there is one; unfinished ones of it are deleted.

        With `files`, tags of their hashes, it must be one that logged these.
        """
        if not request_id:
            return None
        if "'" in request_id:
            raise BadInput(f"request id {request_id!r} cannot be looked up.", "Use one without quotes.")
        with answering(self.uri):
            runs = self._client.search_runs([self._experiment_id], f"tags.{REQUEST_ID} = '{request_id}'")
            finished = [
                run.info.run_id
                for run in runs
                if run.info.status == "FINISHED" and files.items() <= run.data.tags.items()
            ]
            for run in runs:
                if run.info.status != "FINISHED":
                    self._client.delete_run(run.info.run_id)
        return str(finished[0]) if finished else None

    def require_active(self) -> None:
        """Pass if MLflow answers and a run can be logged: the experiment is not a deleted one.

        Raises:
            Refused: it was deleted.
        """
        with answering(self.uri):
            experiment = self._client.get_experiment(self._experiment_id)
        if experiment.lifecycle_stage != "active":
            raise Refused(
                f"MLflow's experiment {self.experiment!r} was deleted: no run can be logged.",
                f"Restore it in MLflow (`mlflow experiments restore --experiment-id {self._experiment_id}`),"
                " then ask again.",
            )

    def attach(self, run_id: str, files: Sequence[Path], folder: str = "notebook") -> None:
        """Add files to a run's artifacts; a file of the same name is replaced."""
        with answering(self.uri):
            for file in files:
                self._client.log_artifact(run_id, str(file), folder)

    def note(self, tag: str, text: str) -> None:
        """Set a tag of the experiment: a word kept where the operational database is not."""
        with answering(self.uri):
            self._client.set_experiment_tag(self._experiment_id, tag, text)

    def download(self, run_id: str, target: Path, expected: Mapping[str, str]) -> Path:
        """Bring model.txt, manifest.json and oos.parquet of a run to `target`, if they are the expected bytes.

        They are laid beside `target` and take its place only once they are verified: what stood there stays
        otherwise. Files already there and right are kept.

        Args:
            run_id: of the training.
            target: a folder, there or not.
            expected: file name -> SHA-256, from our own record; MLflow's word on its files is not asked for.

        Raises:
            Broken: a file is gone from MLflow, or is not the expected one.
        """
        if matches(target, expected):
            return target
        with aside(target) as partial:
            fetch(self._client, self.uri, run_id, partial)
            if not matches(partial, expected):
                raise Broken(
                    f"the files of run {run_id} in MLflow are not those on record.",
                    "Serve another version and look at who changed them.",
                )
            write_run(partial, run_id, self._commit(run_id))
        return target

    def _commit(self, run_id: str) -> str:
        """The commit that a run was told it stands at; empty where it was told none."""
        with answering(self.uri):
            return str(self._client.get_run(run_id).data.tags.get("commit", ""))

    def fetch_run(self, run_id: str, target: Path) -> Path:
        """Bring the model folder of a finished run to `target`, without its pictures.

        Raises:
            NotFound: no such run.
            Broken: it has not ended, or is not one that `log_training` wrote.
        """
        with answering(self.uri):
            run = self._client.get_run(run_id)
        if run.info.status != "FINISHED":
            raise Broken(f"run {run_id} is {run.info.status.lower()}.", "Name a run that has ended.")
        target.mkdir(parents=True, exist_ok=True)
        fetch(self._client, self.uri, run_id, target, (*VERIFIED, METRICS))
        return target

    @cached_property
    def _client(self) -> MlflowClient:
        return connect(self.uri)

    @cached_property
    def _experiment_id(self) -> str:
        return experiment_id(self._client, self.uri, self.experiment)
