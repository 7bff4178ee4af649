from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from evergreen.adapters.infra.openlineage import KEY, LineageDataset, LineageEvent, send
from tests.published_lineage import problems, published

EVENT = LineageEvent(
    kind="COMPLETE",
    at=datetime(2026, 11, 27, 22, 45, tzinfo=UTC),
    run_id="0199f0a0-0000-7000-8000-000000000001",
    job="retrain",
    namespace="evergreen://evergreen",
    engine=("Prefect", "3.8.8"),
    inputs=(LineageDataset("bars", "5d1f0c2ab7e9"), LineageDataset("features")),
    outputs=(LineageDataset("model", "3"),),
    provenance={"dataVersion": "5d1f0c2ab7e9", "modelVersion": "3", "notebookSha256": "ab" * 32},
)
FAILED = LineageEvent("FAIL", EVENT.at, EVENT.run_id, "daily", EVENT.namespace, EVENT.engine, error="No data.")


@dataclass
class Collector:
    """A server on loopback that keeps what it is sent, and answers `status`."""

    status: int = 201
    received: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def collector() -> Iterator[Collector]:
    collecting = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            collecting.received.append((dict(self.headers), json.loads(content)))
            self.send_response(collecting.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    collecting.url = f"http://127.0.0.1:{server.server_port}/api/v1/lineage"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield collecting
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("event", [EVENT, FAILED], ids=lambda event: event.kind)
def test_event__is_one_of_the_published_schema(event: LineageEvent) -> None:
    read = published(event.to_dict())
    assert read.eventType is not None and read.eventType.value == event.kind
    assert read.run.runId == event.run_id and read.job.name == event.job


def test_event__carries_versions_and_what_the_figures_rest_on() -> None:
    content = EVENT.to_dict()
    bars, features = content["inputs"]
    assert bars["facets"]["version"]["datasetVersion"] == "5d1f0c2ab7e9" and features["facets"] == {}
    assert EVENT.provenance.items() <= content["run"]["facets"]["evergreen_provenance"].items()
    assert FAILED.to_dict()["run"]["facets"]["errorMessage"]["message"] == "No data."


def test_published__a_facet_with_a_field_too_few_is_refused() -> None:
    content = EVENT.to_dict()
    del content["outputs"][0]["facets"]["version"]["datasetVersion"]
    with pytest.raises(TypeError, match="datasetVersion"):
        published(content)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("eventTime",), "yesterday"),
        (("producer",), "no address"),
        (("run", "runId"), "brave-owl"),
        (("job", "name"), None),
        (("outputs", 0, "namespace"), 7),
        (("run", "facets", "processing_engine", "version"), 3),
        (("job", "facets", "jobType", "_schemaURL"), None),
    ],
)
def test_problems__a_field_of_another_type_or_format_is_named(path: tuple[str | int, ...], value: object) -> None:
    event = EVENT.to_dict()
    assert problems(event) == []
    place: Any = event
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert [problem for problem in problems(event) if str(path[-1]) in problem], problems(event)


def test_send__appends_a_line_for_each_event(tmp_path: Path) -> None:
    file = tmp_path / "lineage" / "events.jsonl"
    assert [send(event, str(file)) for event in (EVENT, FAILED)] == ["", ""]
    assert [json.loads(line) for line in file.read_text().splitlines()] == [EVENT.to_dict(), FAILED.to_dict()]


def test_send__a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be written" in send(EVENT, str(tmp_path / "file" / "events.jsonl"))


def test_send__posts_to_a_url_with_the_key_of_the_environment(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert send(EVENT, collector.url) == ""
    monkeypatch.setenv(KEY, "a-key")
    assert send(EVENT, collector.url) == ""
    (without, content), (with_key, _) = collector.received
    assert content == EVENT.to_dict() and "a-key" not in json.dumps(content)
    assert "authorization" not in {name.lower() for name in without}
    assert {name.lower(): value for name, value in with_key.items()}["authorization"] == "Bearer a-key"


def test_send__a_server_that_refuses_or_is_not_there_is_told_without_its_secret(collector: Collector) -> None:
    collector.status = 403
    port = collector.url.split(":")[2].split("/")[0]
    refused = send(EVENT, f"http://me:secret@127.0.0.1:{port}/api/v1/lineage?token=secret")
    absent = send(EVENT, "http://me:secret@127.0.0.1:9/api/v1/lineage")
    assert refused == "The lineage server 127.0.0.1 answered 403."
    assert absent == "The lineage server gave no answer (ConnectError)."
