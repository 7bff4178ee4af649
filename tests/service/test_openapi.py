"""Requests made from the OpenAPI description, sensible and not: none ends in a 5xx, all answer as described."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from evergreen.service.app import bind, create_app
from tests.service.world import ready_world

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[schemathesis.BaseSchema]:
    """The description of a service that runs on loopback, in a thread."""
    world = ready_world(tmp_path_factory.mktemp("openapi"), requests_per_second=0)
    with bind("127.0.0.1", 0) as listener:
        server = uvicorn.Server(uvicorn.Config(create_app(world.settings, world.store), log_level="warning"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        while httpx.get(f"{base}/readyz", timeout=60).status_code != 200:
            time.sleep(0.02)
        yield schemathesis.openapi.from_url(f"{base}/openapi.json")
        server.should_exit = True
        thread.join()


description = schemathesis.pytest.from_fixture("api")


@description.parametrize()
@settings(max_examples=30, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
def test_request__of_any_kind_is_answered_as_described(case: schemathesis.Case) -> None:
    case.call_and_validate(checks=CHECKS)
