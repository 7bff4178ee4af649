"""What the tests' Prefect server has on record; queries name what they want: an answer has 200 records at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefect.client.schemas.objects import Artifact, FlowRun


def artifacts(key: str) -> list[Artifact]:
    """All artifacts left under `key`, newest first."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter
    from prefect.client.schemas.sorting import ArtifactSort

    of_key = ArtifactFilter.model_validate({"key": {"any_": [key]}})
    with get_client(sync_client=True) as client:
        return client.read_artifacts(artifact_filter=of_key, sort=ArtifactSort.CREATED_DESC)


def runs(name: str) -> list[FlowRun]:
    """The flow runs of that name, newest first."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.client.schemas.sorting import FlowRunSort

    of_name = FlowRunFilter.model_validate({"name": {"any_": [name]}})
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(flow_run_filter=of_name, sort=FlowRunSort.START_TIME_DESC)
