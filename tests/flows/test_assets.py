"""What a Prefect server is told of what the flows make: assets, their lineage, and the checks they went through."""

from __future__ import annotations

import time
from typing import Any

import pytest
from prefect.client.orchestration import get_client

from evergreen.adapters.database import ledger, reading, rollouts
from evergreen.workspace import Workspace
from tests.flows.conftest import TICKERS

pytestmark = pytest.mark.xdist_group("lived")
MADE = "prefect.asset.materialization.succeeded"
SOURCES = {"bars": set(), "features": {"bars"}, "model": {"features"}, "forecasts": {"features", "model"}}


def events_of(event: str, occurred: dict[str, str]) -> list[dict[str, Any]]:
    """The events of that name and time the server keeps, oldest first; it has them some seconds later."""
    query = {"filter": {"event": {"name": [event]}, "occurred": occurred, "order": "ASC"}, "limit": 50}
    with get_client(sync_client=True) as client:
        for _ in range(60):
            if events := client.request("POST", "/events/filter", json=query).json()["events"]:
                return list(events)
            time.sleep(0.5)
    return []


def name(resource: dict[str, str]) -> str:
    return resource["prefect.resource.id"].removeprefix("evergreen://")


def test_flows__tell_what_they_made_from_what(copied: Workspace, while_lived: dict[str, str]) -> None:
    lineage: dict[str, set[str]] = {}
    for event in events_of(MADE, while_lived):
        sources = {name(related) for related in event["related"] if related.get("prefect.resource.role") == "asset"}
        lineage.setdefault(name(event["resource"]), set()).update(sources)
    assert lineage == SOURCES


def test_flows__tell_the_checks_that_each_went_through(copied: Workspace, while_lived: dict[str, str]) -> None:
    with reading(copied.engine) as conn:
        registered = ledger.read_model_version(conn, "evergreen", "2")
        champion = rollouts.current(conn, "evergreen").champion
        versions = {version.id for version in ledger.data_versions(conn)}
    newest = {name(event["resource"]): event["payload"] for event in events_of(MADE, while_lived)}
    history = {name(event["resource"]): event["payload"] for event in reversed(events_of(MADE, while_lived))}
    assert (history["bars"]["first"], history["features"]["first"]) == ("2000-03-01", "2000-03-01")
    assert newest["bars"]["version"] in versions and newest["bars"]["refused"] == 0
    assert newest["features"]["rows"] >= len(TICKERS) and 0 <= newest["features"]["missing_share"] < 1
    assert newest["model"]["sha256"] == registered.sha256 and newest["model"]["look_ahead_findings"] == 0
    assert (
        newest["forecasts"] | {"versions": [champion], "tickers": len(TICKERS), "in_time": True} == newest["forecasts"]
    )


def test_gate__tells_its_verdict_of_the_model(copied: Workspace, while_lived: dict[str, str]) -> None:
    (judged,) = events_of("evergreen.model.judged", while_lived)
    assert judged["resource"]["prefect.resource.id"] == "evergreen://model"
    assert judged["payload"]["version"] == "2" and judged["payload"]["sentence"]
