from __future__ import annotations

import json
from pathlib import Path

import httpx
import pandas as pd
import pytest
from sqlalchemy import text

from evergreen.adapters.database import ledger, reading, requests
from evergreen.adapters.infra.prefect_api import PrefectApi
from evergreen.service.papers import PAPER_POLICY, Papers
from tests.service.running import Client, with_service
from tests.service.story import tell
from tests.service.world import NOW, World

RUN = "a1b2"


def train(world: World, version: str = "1", run_id: str = "r1") -> Path:
    """Have a version come from a request whose folder holds its notebook and model card."""
    folder = world.settings.runs / "request"
    for name in ("train.html", "model_card/model_card.html", "output/run.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"<!doctype html><title>{name}</title>")
    (folder / "output" / "run.json").write_text(json.dumps({"run_id": run_id}))
    with world.engine.begin() as conn:
        requests.request(conn, "evergreen", "person", "abc123", pd.Timestamp("2008-06-30"), {}, NOW)
        conn.execute(text("update retrain_request set id = 'request', claimed_by = :run"), {"run": RUN})
        conn.execute(text("update model_version set request_id = 'request' where version = :v"), {"v": version})
    return folder


def links_of(world: World, version: str, **changes: object) -> dict[str, str]:
    papers = Papers(world.settings.model_copy(update=changes), None)
    with reading(world.engine) as conn:
        return {link.name: link.href for link in papers.of_version(conn, version)}


def test_links__name_only_what_is_there(world: World) -> None:
    assert links_of(world, "1") == {}, "nothing was kept, and MLflow is a file"
    assert links_of(world, "1", mlflow_uri="http://127.0.0.1:5000") == {"MLflow run": "http://127.0.0.1:5000/#/runs/r1"}
    folder = train(world)
    assert links_of(world, "1") == {"model card": "/papers/card/1", "notebook": "/papers/notebook/1"}
    (folder / "train.html").unlink()
    assert set(links_of(world, "1")) == {"model card"}
    assert links_of(world, "99") == {}


def test_links__the_folder_of_another_run_is_not_this_versions(world: World) -> None:
    train(world, run_id="another")
    assert links_of(world, "1") == {}


def test_paper__is_served_apart_from_everything_of_the_service(world: World) -> None:
    train(world)

    async def act(client: Client) -> httpx.Response:
        return await client.get("/papers/notebook/1")

    answer = with_service(world, act)
    assert answer.status_code == 200 and "train.html" in answer.text
    assert answer.headers.get_list("content-security-policy") == [PAPER_POLICY]
    assert "sandbox allow-scripts;" in PAPER_POLICY and "allow-same-origin" not in PAPER_POLICY


def test_paper__of_a_delivery_and_of_a_finding(world: World) -> None:
    tell(world)
    page = world.settings.reports / "2008-09-12" / "validation.html"
    page.parent.mkdir(parents=True)
    for name in ("validation.html", "drift.html"):
        (page.parent / name).write_text(name)
    with world.engine.begin() as conn:
        delivered = ledger.DataVersion(
            id="beef", created_at=NOW, as_of="2008-09-12", rows_added=1, rows_refused=1, source="sample",
            report={"page": "/where/the/home/was/reports/2008-09-12/validation.html"},
        )  # fmt: skip
        ledger.record_data_version(conn, delivered)
    papers = Papers(world.settings, None)
    with reading(world.engine) as conn:
        assert [link.href for link in papers.of_data(conn, "beef")] == ["/papers/validation/beef"]
        assert papers.path(conn, "validation", "beef") == page, "a home that has moved since"
        assert [link.name for link in papers.of_finding(conn, "2008-09-12")] == ["drift notebook"]
        assert papers.of_data(conn, "5d1f0c2ab7e9") == [] == papers.of_finding(conn, "2008-09-11")


class Server:
    """Prefect's server, as far as a run is looked up."""

    def __init__(self) -> None:
        self.answers = 0
        self.status = 200

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.answers += 1
        return httpx.Response(self.status, json={"id": RUN, "name": "retrain", "state": {"type": "COMPLETED"}})


@pytest.mark.parametrize("status", [404, 500])
def test_prefect_run__is_linked_while_the_server_knows_it(world: World, status: int) -> None:
    train(world)
    server, api = Server(), PrefectApi("http://127.0.0.1:4200/api", hurried=True)
    api._client = httpx.Client(base_url=api.url, transport=httpx.MockTransport(server))
    papers = Papers(world.settings, api)
    server.status = status
    with reading(world.engine) as conn:
        assert "Prefect run" not in {link.name for link in papers.of_version(conn, "1")}
        server.status = 200
        for _ in range(3):
            links = {link.name: link.href for link in papers.of_version(conn, "1")}
    assert links["Prefect run"] == f"http://127.0.0.1:4200/runs/flow-run/{RUN}"
    assert server.answers == 2, "what is known is not asked for again"
