"""OpenLineage: what a run read and made, as events by the published schema, to a file or to a server."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from evergreen import __version__
from evergreen.adapters.infra.urls import trusts_proxy

SECONDS = 5.0  # for a server to take an event; a flow run waits meanwhile
KEY = "OPENLINEAGE_API_KEY"  # what OpenLineage's own clients call the key of a server
SPEC = "https://openlineage.io/spec"
PRODUCER = f"urn:evergreen-market:{__version__}"
# Of each facet the version of its schema, as OpenLineage publishes them.
SCHEMAS = {
    "DatasetVersionDatasetFacet": "1-0-1",
    "ErrorMessageRunFacet": "1-0-1",
    "JobTypeJobFacet": "2-0-4",
    "ProcessingEngineRunFacet": "1-1-1",
}
Facets = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class LineageDataset:
    """A dataset by its name and, as far as it is known, the version that was read or made."""

    name: str
    version: str = ""

    def to_dict(self, namespace: str) -> dict[str, Any]:
        """As the schema has inputs and outputs alike."""
        facets = {"version": _facet("DatasetVersionDatasetFacet", datasetVersion=self.version)} if self.version else {}
        return {"namespace": namespace, "name": self.name, "facets": facets}


@dataclass(frozen=True)
class LineageEvent:
    """A turn in the life of a flow run.

    Attributes:
        kind: what has become of it.
        at: when, UTC.
        run_id: a UUID.
        job: the flow.
        namespace: of the job and its datasets.
        engine: name and version of what runs it.
        inputs: read.
        outputs: made.
        provenance: what the figures rest on: data version, model version, hash of the notebook.
        error: why it failed, for a person.
    """

    kind: Literal["START", "COMPLETE", "FAIL", "ABORT"]
    at: datetime
    run_id: str
    job: str
    namespace: str
    engine: tuple[str, str]
    inputs: tuple[LineageDataset, ...] = ()
    outputs: tuple[LineageDataset, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    error: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As the schema `RunEvent` has it."""
        job_type = _facet("JobTypeJobFacet", processingType="BATCH", integration="PREFECT", jobType="FLOW")
        return {
            "eventType": self.kind,
            "eventTime": self.at.isoformat(),
            "run": {"runId": self.run_id, "facets": self._run_facets()},
            "job": {"namespace": self.namespace, "name": self.job, "facets": {"jobType": job_type}},
            "inputs": [each.to_dict(self.namespace) for each in self.inputs],
            "outputs": [each.to_dict(self.namespace) for each in self.outputs],
            "producer": PRODUCER,
            "schemaURL": f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
        }

    def _run_facets(self) -> Facets:
        name, version = self.engine
        adapter = {"name": name, "version": version, "openlineageAdapterVersion": __version__}
        facets = {"processing_engine": _facet("ProcessingEngineRunFacet", **adapter)}
        if self.provenance:
            facets["evergreen_provenance"] = {
                "_producer": PRODUCER,
                "_schemaURL": f"{PRODUCER}:provenance",
                **self.provenance,
            }
        if self.error:
            facets["errorMessage"] = _facet("ErrorMessageRunFacet", message=self.error, programmingLanguage="PYTHON")
        return facets


def send(event: LineageEvent, place: str) -> str:
    """Append an event to the file `place`, or post it to the URL; why that failed, in a sentence without secrets.

    A key of the environment (`OPENLINEAGE_API_KEY`) goes along to a URL.
    """
    content = json.dumps(event.to_dict(), separators=(",", ":"))
    return _post(content, place) if place.startswith(("http://", "https://")) else _append(content, Path(place))


def _append(content: str, path: Path) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(content + "\n")  # one write: lines of flows that run beside each other stay whole
    except OSError as error:
        return f"The lineage file {path} cannot be written: {error.strerror}."
    return ""


def _post(content: str, url: str) -> str:
    import httpx

    key = os.environ.get(KEY)
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
    try:
        host = httpx.URL(url).host
        answer = httpx.post(url, content=content, headers=headers, timeout=SECONDS, trust_env=trusts_proxy(url))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"The lineage server gave no answer ({type(error).__name__})."
    return "" if answer.is_success else f"The lineage server {host} answered {answer.status_code}."


def _facet(schema: str, **fields: Any) -> dict[str, Any]:
    url = f"{SPEC}/facets/{SCHEMAS[schema]}/{schema}.json#/$defs/{schema}"
    return {"_producer": PRODUCER, "_schemaURL": url, **fields}
