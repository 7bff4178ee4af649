"""The Grafana dashboard asks only for what /metrics exports."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from evergreen.workspace import REPOSITORY
from tests.service.running import Client, ask, with_service
from tests.service.world import World

DASHBOARD = json.loads((REPOSITORY / "deploy" / "observability" / "grafana.json").read_text())


def queries(panel: dict[str, Any]) -> Iterator[str]:
    for target in panel["targets"]:
        yield target["expr"]


def exported(world: World) -> tuple[set[str], set[str]]:
    """Names of the samples at /metrics after an answer and an alarm, and of their labels."""

    async def act(client: Client) -> str:
        await ask(client)
        client.app.state.service.metrics.challenger_failures.labels("absent").inc()
        client.app.state.service.metrics.refresh_failures.labels("features").inc()
        return (await client.get("/metrics")).text

    families = text_string_to_metric_families(with_service(world, act))
    samples = [sample for family in families for sample in family.samples]
    return {sample.name for sample in samples}, {label for sample in samples for label in sample.labels}


def test_dashboard__asks_only_for_metrics_and_labels_that_exist_and_for_each_of_them(world: World) -> None:
    names, labels = exported(world)
    expressions = " ".join(query for panel in DASHBOARD["panels"] for query in queries(panel))
    metrics = set(re.findall(r"\bevergreen_\w+", expressions))
    assert metrics <= names, metrics - names
    grouped = {label.strip() for group in re.findall(r"by \(([^)]*)\)", expressions) for label in group.split(",")}
    filtered = set(re.findall(r"[{,](\w+)=~?\"", expressions))
    assert grouped | filtered <= labels, (grouped | filtered) - labels
    families = {re.sub(r"_(total|bucket|count|sum|created)$", "", name) for name in names}
    assert {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in metrics} == families


def test_dashboard__panels_have_titles_of_their_own_and_do_not_overlap() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["title"] for panel in panels}) == len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in panels):
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken and place["x"] + place["w"] <= 24
        taken |= cells
