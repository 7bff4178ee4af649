"""OpenLineage events as the classes read them that its makers generate from the published schema."""

from __future__ import annotations

from typing import Any

from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import dataset_version_dataset, error_message_run, job_type_job, processing_engine_run
from openlineage.client.generated.base import RunFacet

FACETS = {
    "version": dataset_version_dataset.DatasetVersionDatasetFacet,
    "errorMessage": error_message_run.ErrorMessageRunFacet,
    "jobType": job_type_job.JobTypeJobFacet,
    "processing_engine": processing_engine_run.ProcessingEngineRunFacet,
    "evergreen_provenance": RunFacet().with_additional_properties,
}


def published(event: dict[str, Any]) -> RunEvent:
    """The event, read part by part; a field that is missing, strange or of another form is an error."""
    rest = dict(event)
    run, job, kind = rest.pop("run"), rest.pop("job"), RunState(rest.pop("eventType"))
    inputs, outputs, schema = rest.pop("inputs"), rest.pop("outputs"), rest.pop("schemaURL")
    read = RunEvent(
        eventType=kind,
        run=Run(runId=run["runId"], facets=facets(run["facets"])),
        job=Job(namespace=job["namespace"], name=job["name"], facets=facets(job["facets"])),
        inputs=[InputDataset(**each | {"facets": facets(each["facets"])}) for each in inputs],
        outputs=[OutputDataset(**each | {"facets": facets(each["facets"])}) for each in outputs],
        **rest,
    )
    assert schema == RunEvent._get_schema()
    return read


def facets(given: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Each facet by its class; it says the schema that its class was made from."""
    read = {}
    for name, content in given.items():
        fields = {key: value for key, value in content.items() if not key.startswith("_")}
        read[name] = FACETS[name](**fields)
        assert content["_producer"].startswith("urn:")
        assert name == "evergreen_provenance" or content["_schemaURL"] == read[name]._get_schema()
    return read
