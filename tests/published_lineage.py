"""OpenLineage events, judged by the classes that its makers generate from the published schema.

The classes refuse a field too many or too few; jsonschema holds the whole event against what their annotations say of
each field, and against the formats of the published schema, which the classes do not look at.
"""

from __future__ import annotations

from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import attr
from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import dataset_version_dataset, error_message_run, job_type_job, processing_engine_run
from openlineage.client.generated.base import BaseFacet, RunFacet
from openlineage.client.serde import Serde

FACETS = {
    "version": dataset_version_dataset.DatasetVersionDatasetFacet,
    "errorMessage": error_message_run.ErrorMessageRunFacet,
    "jobType": job_type_job.JobTypeJobFacet,
    "processing_engine": processing_engine_run.ProcessingEngineRunFacet,
    "evergreen_provenance": RunFacet,
}
OURS = "evergreen_provenance"  # a facet of our own has whatever fields
FORMATS = {"eventTime": "date-time", "runId": "uuid"} | dict.fromkeys(
    ("producer", "schemaURL", "_producer", "_schemaURL"), "uri"
)
ALWAYS = FORMATS.keys()  # required by the published schema; the classes fill them in where they are left out
JSON = {str: "string", bool: "boolean", int: "integer", float: "number"}


def schema_of(kind: Any) -> dict[str, Any]:
    """A JSON Schema of what a class of OpenLineage's, or one of its fields, says that it holds."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return {"anyOf": [schema_of(each) for each in inner if each is not type(None)]}
    if origin is list:
        return {"type": "array", "items": schema_of(inner[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(inner[1])}
    if kind in JSON:
        return {"type": JSON[kind]}
    if issubclass(kind, Enum):
        return {"enum": [member.value for member in kind]}
    return _object(kind)


def _object(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    fields = {each.name: each for each in attr.fields(kind)}
    formats = {name: {"format": FORMATS[name]} for name in fields if name in FORMATS}
    return {
        "type": "object",
        "properties": {name: schema_of(hints[name]) | formats.get(name, {}) for name in fields},
        "required": [name for name, each in fields.items() if each.default is attr.NOTHING or name in ALWAYS],
        "additionalProperties": kind.__base__ is BaseFacet,  # of any facet; what one holds its own class says
    }


def problems(event: dict[str, Any]) -> list[str]:
    """What of an event is not as the schema has it, facets included."""
    return [
        *_errors(event, RunEvent),
        *(each for name, facet in _facets(event) for each in _errors(facet, FACETS[name])),
    ]


def _errors(content: dict[str, Any], kind: type) -> list[str]:
    validator = Draft202012Validator(schema_of(kind), format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(content)]


def _facets(event: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    having = [event["run"], event["job"], *event["inputs"], *event["outputs"]]
    return [facet for each in having for facet in each["facets"].items()]


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
    assert problems(event) == []
    assert problems(Serde.to_dict(read)) == [], "what they would send themselves is of this schema too"
    return read


def facets(given: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Each facet by its class; it says the schema that its class was made from."""
    read = {}
    for name, content in given.items():
        fields = {key: value for key, value in content.items() if not key.startswith("_")}
        read[name] = RunFacet().with_additional_properties(**fields) if name == OURS else FACETS[name](**fields)
        assert content["_producer"].startswith("urn:")
        assert name == OURS or content["_schemaURL"] == read[name]._get_schema()
    return read
