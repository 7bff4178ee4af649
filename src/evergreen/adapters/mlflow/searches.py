"""A search as a run of MLflow that its candidates are children of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from evergreen.adapters.mlflow.client import answering, connect, experiment_id


@contextmanager
def search_run(uri: str, experiment: str, name: str, params: Mapping[str, object]) -> Iterator[dict[str, str]]:
    """A parent run, ended when the block ends; gives the tags that make a run its child.

    Raises:
        Unavailable: MLflow does not answer.
    """
    client = connect(uri)
    with answering(uri):
        parent = str(client.create_run(experiment_id(client, uri, experiment), run_name=name).info.run_id)
        for key, value in params.items():
            client.log_param(parent, key, value)
    with ExitStack() as undone:
        undone.callback(client.set_terminated, parent, "FAILED")
        yield {MLFLOW_PARENT_RUN_ID: parent}
        undone.pop_all()
    client.set_terminated(parent)
