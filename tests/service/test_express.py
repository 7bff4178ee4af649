from __future__ import annotations

import pytest

from evergreen.service import express
from tests.service.running import Client, with_service
from tests.service.world import World

GOOD = ("AAPL", "AAPL?a=b", "A%41PL")
JSON = {"content-type": "application/json"}  # what the gate lets through
BAD = ("NOBODY", "X" * 33, "AA%2FPL")


def test_express__the_answer_is_the_frameworks_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def answers(client: Client) -> list[tuple[int, str, dict[str, object]]]:
        given = [await client.get(f"/v1/predictions/{each}", headers={"X-Client-Id": "a"}) for each in GOOD + BAD]
        return [(each.status_code, each.headers["content-type"], each.json() | {"id": ""}) for each in given]

    async def act(client: Client) -> None:
        at_once = await answers(client)
        monkeypatch.setattr(express, "_ticker", lambda scope: "")
        assert at_once == await answers(client)
        assert [status for status, *_ in at_once[: len(GOOD)]] == [200] * len(GOOD)
        assert {status for status, *_ in at_once[len(GOOD) :]} == {404, 422}
        counted = (await client.get("/metrics")).text
        assert 'route="/v1/predictions/{ticker}",status="200"} ' + f"{2 * len(GOOD):.1f}" in counted

    with_service(world, act)


def test_express__other_methods_are_the_frameworks(world: World) -> None:
    async def act(client: Client) -> None:
        for method in ("POST", "HEAD", "DELETE"):
            assert (await client.request(method, "/v1/predictions/AAPL", headers=JSON)).status_code == 405

    with_service(world, act)
