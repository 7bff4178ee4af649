"""A replay as a run of MLflow, with a child for each policy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from evergreen.adapters.mlflow.client import answering, connect, experiment_id
from evergreen.adapters.mlflow.runs import tracking_at

EXPERIMENT = "evergreen replays"
FILES = ("report.html", "summary.json", "decisions.parquet", "sessions.parquet")


def log_replay(uri: str, summary: Mapping[str, Any], folder: Path) -> str:
    """Log what `evergreen replay` left in a folder; returns the parent run's id.

    Raises:
        Unavailable: MLflow does not answer.
    """
    client = connect(uri)
    experiment = experiment_id(client, uri, EXPERIMENT)
    with answering(uri), tracking_at(uri):
        parent = str(client.create_run(experiment, run_name=f"{summary['from']} to {summary['to']}").info.run_id)
        for name in ("bars", "from", "to", "tickers", "learner", "target", "horizon", "seed", "train_sessions"):
            client.log_param(parent, name, summary[name])
        for name in FILES:
            client.log_artifact(parent, str(folder / name))
        for row in summary["policies"]:
            _log_policy(client, experiment, parent, row)
        client.set_terminated(parent)
    return parent


def _log_policy(client: MlflowClient, experiment: str, parent: str, row: Mapping[str, Any]) -> None:
    tags = {MLFLOW_PARENT_RUN_ID: parent}
    child = str(client.create_run(experiment, tags=tags, run_name=row["policy"]).info.run_id)
    client.log_param(child, "policy", row["policy"])
    against = {
        f"{name}_less_{rival.replace(':', '_')}": value
        for rival, numbers in row["against"].items()
        for name, value in numbers.items()
    }
    for name, value in (dict(row) | against).items():
        if isinstance(value, int | float):
            client.log_metric(child, name, float(value))
    client.set_terminated(child)
