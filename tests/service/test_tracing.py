"""Traces of requests, as a collector on loopback receives them."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from evergreen.adapters.database import predictions, reading
from evergreen.core.canary.assignment import arm
from evergreen.errors import BadSetting
from evergreen.service.app import create_app
from evergreen.service.log import GroupCommit
from tests.service.running import Client, ask, with_service
from tests.service.world import TICKERS, World

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector(ThreadingHTTPServer):
    """Keeps every span it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.spans: list[Any] = []
        self.services: set[str] = set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def named(self, name: str) -> list[Any]:
        return [span for span in self.spans if span.name == name]


class Receiver(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.path == "/v1/traces"
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.server.services.add(attributes(resource.resource)["service.name"])
            self.server.spans.extend(span for scope in resource.scope_spans for span in scope.spans)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        return


def attributes(holder: Any) -> dict[str, Any]:
    """A span's or a resource's attributes as Python values."""
    return {each.key: value(each.value) for each in holder.attributes}


def value(proto: Any) -> Any:
    kind = proto.WhichOneof("value")
    return [value(each) for each in proto.array_value.values] if kind == "array_value" else getattr(proto, kind)


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_request__its_span_leads_from_the_caller_to_the_prediction_row(world: World, collector: Collector) -> None:
    world.use(trace_collector=collector.address)

    async def act(client: Client) -> dict[str, Any]:
        headers = {"X-Client-Id": "somebody-s-name", "traceparent": f"00-{TRACE}-{CALLER}-01"}
        return (await client.get("/v1/predictions/AAPL", headers=headers)).json()

    answer = with_service(world, act)
    (request,) = collector.named("GET /v1/predictions/{ticker}")
    span = attributes(request)
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, CALLER)
    assert span["evergreen.prediction.id"] == [answer["id"]]
    assert (span["evergreen.model.version"], span["evergreen.arm"]) == ([answer["model"]], answer["arm"])
    assert span["evergreen.rollout.version"] == answer["rollout_version"]
    with reading(world.engine) as conn:
        row = predictions.find(conn, span["evergreen.prediction.id"][0])
    assert (row.version, row.arm) == (answer["model"], answer["arm"])
    assert collector.services == {"evergreen"}
    assert "somebody-s-name" not in str(request) and str(answer["price"]) not in str(request)


def test_group_commit__is_a_child_of_each_request_that_shared_it(world: World, collector: Collector) -> None:
    world.use(trace_collector=collector.address)

    async def act(client: Client) -> None:
        await asyncio.gather(*(ask(client, f"client {n}", TICKERS[n % 4]) for n in range(20)))

    with_service(world, act)
    requests = {span.span_id: span for span in collector.named("GET /v1/predictions/{ticker}")}
    commits = collector.named("group commit")
    assert {commit.parent_span_id for commit in commits} == requests.keys() and len(commits) == 20
    for commit in commits:
        request = requests[commit.parent_span_id]
        assert commit.trace_id == request.trace_id
        assert request.start_time_unix_nano < commit.start_time_unix_nano < commit.end_time_unix_nano
        assert commit.end_time_unix_nano < request.end_time_unix_nano
    shared = [attributes(commit)["evergreen.commit.requests"] for commit in commits]
    assert sum(1 / each for each in shared) < 20


def test_many_tickers__are_one_span_with_every_id(world: World, collector: Collector) -> None:
    world.use(trace_collector=collector.address)

    async def act(client: Client) -> list[str]:
        body = {"tickers": list(TICKERS)}
        answers = (await client.post("/v1/predictions", json=body, headers={"X-Client-Id": "me"})).json()
        return [answer["id"] for answer in answers["predictions"]]

    ids = with_service(world, act)
    (request,) = collector.named("POST /v1/predictions")
    assert attributes(request)["evergreen.prediction.id"] == ids and len(ids) == len(TICKERS)
    assert attributes(request)["evergreen.arm"] == arm("salt", "me", 5_000)


def test_refused_request__has_a_span_without_a_prediction(world: World, collector: Collector) -> None:
    world.use(trace_collector=collector.address)
    with_service(world, lambda client: ask(client, ticker="NOWHERE"))
    (request,) = collector.named("GET /v1/predictions/{ticker}")
    assert attributes(request)["http.status_code"] == 404
    assert "evergreen.prediction.id" not in attributes(request)
    assert not collector.named("group commit") and not collector.named("GET /readyz")


def test_sampler__a_request_left_out_leaves_nothing(
    world: World, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.use(trace_collector=collector.address)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    assert with_service(world, ask).status_code == 200
    assert collector.spans == []


def test_silent_collector__costs_no_answer(world: World) -> None:
    world.use(trace_collector="http://127.0.0.1:9")
    answers = with_service(world, lambda client: asyncio.gather(*(ask(client, f"client {n}") for n in range(20))))
    assert [answer.status_code for answer in answers] == [200] * 20


def test_off__nothing_is_wrapped_and_no_library_imported(world: World) -> None:
    loaded = {name for name in sys.modules if name.startswith("opentelemetry.instrumentation")}
    app = create_app(world.settings, world.store)
    assert type(app.state.service.commits) is GroupCommit
    assert app.build_middleware_stack.__func__ is type(app).build_middleware_stack
    assert {name for name in sys.modules if name.startswith("opentelemetry.instrumentation")} == loaded


def test_on__without_the_extra_a_sentence_says_what_to_type(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.use(trace_collector="http://127.0.0.1:4318")
    monkeypatch.setitem(sys.modules, "opentelemetry.instrumentation.fastapi", None)
    with pytest.raises(BadSetting, match=r"Traces cannot be sent .* Type `pip install '\.\[otel\]'`"):
        create_app(world.settings, world.store)
