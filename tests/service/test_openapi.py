"""Requests made from the OpenAPI description, sensible and not: none ends in a 5xx, all answer as described."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.service.running import listening
from tests.service.world import ready_world

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[schemathesis.BaseSchema]:
    """The description of a service that runs on loopback, in a thread."""
    world = ready_world(tmp_path_factory.mktemp("openapi"), requests_per_second=0)
    with listening(world) as base:
        yield schemathesis.openapi.from_url(f"{base}/openapi.json")


description = schemathesis.pytest.from_fixture("api")


@description.parametrize()
@settings(max_examples=30, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
def test_request__of_any_kind_is_answered_as_described(case: schemathesis.Case) -> None:
    case.call_and_validate(checks=CHECKS)
