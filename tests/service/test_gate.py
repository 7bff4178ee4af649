from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import httpx
import pytest

from evergreen.adapters.database import predictions, reading
from evergreen.service.gate import Names
from evergreen.settings import Settings
from tests.service.running import Client, with_service
from tests.service.world import World, ready_world

PATHS = ["/", "/docs", "/metrics", "/readyz", "/v1/rollout", "/v1/predictions/AAPL", "/openapi.json"]
ASKED = {"content-type": "application/json"}


def on_record(world: World) -> int:
    with reading(world.engine) as conn:
        return predictions.count(conn)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8780", "localhost.evil.example", "127.0.0.1.evil.example", "", "8.8.8.8",
     "localhost,evil.example"],
)  # fmt: skip
def test_gate__a_name_made_to_point_here_gets_nothing_and_leaves_nothing(world: World, host: str) -> None:
    async def act(client: Client) -> list[int]:
        return [(await client.get(path, headers={"host": host})).status_code for path in PATHS]

    assert with_service(world, act) == [421] * len(PATHS)
    assert on_record(world) == 0


@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://evil.example"}, {"origin": "null"}, {"origin": "http://localhost:1"},
     {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"},
     {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}],
)  # fmt: skip
def test_gate__a_page_of_another_site_makes_no_forecast(world: World, headers: dict[str, str]) -> None:
    async def act(client: Client) -> list[httpx.Response]:
        body = {"tickers": ["AAPL"]}
        return [
            await client.get("/v1/predictions/AAPL", headers=headers),
            await client.post("/v1/predictions", json=body, headers=headers),
        ]

    answers = with_service(world, act)
    assert [answer.status_code for answer in answers] == [403, 403]
    assert not [name for answer in answers for name in answer.headers if name.startswith("access-control")]
    assert on_record(world) == 0


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_gate__what_a_form_can_send_changes_nothing(world: World, kind: str) -> None:
    async def act(client: Client) -> httpx.Response:
        headers = {"content-type": kind} if kind else {}
        return await client.post("/v1/predictions", content=b'{"tickers": ["AAPL"]}', headers=headers)

    assert with_service(world, act).status_code == 415
    assert on_record(world) == 0


def test_gate__its_own_pages_and_programs_come_in(world: World) -> None:
    async def act(client: Client) -> list[int]:
        own = {"sec-fetch-site": "same-origin", "origin": "http://localhost"}
        link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
        return [
            (await client.get("/v1/predictions/AAPL", headers=own)).status_code,
            (await client.get("/", headers=link)).status_code,
            (await client.get("/docs", headers={"host": "127.0.0.1:9999"})).status_code,
            (await client.post("/v1/predictions", json={"tickers": ["AAPL"]})).status_code,
        ]

    assert with_service(world, act) == [200] * 4


def test_gate__a_body_is_not_read_before_its_key(tmp_path: Path) -> None:
    world = ready_world(tmp_path)
    world.use(service_auth=True)
    pulled = []

    async def body() -> object:
        pulled.append(1)
        yield b"{"

    answer = with_service(world, lambda client: client.post("/v1/predictions", content=body(), headers=ASKED))
    assert answer.status_code == 401 and not pulled


def test_names__everywhere_is_any_address_and_the_names_of_the_setting() -> None:
    bound, listed = Settings(service_host="0.0.0.0"), Settings(service_hosts="forecasts.example, Other.Example")
    assert Names(bound).include(b"192.0.2.7:8780") and not Names(bound).include(b"evil.example")
    assert Names(listed).include(b"forecasts.example") and Names(listed).include(b"OTHER.example:443")
    assert not Names(listed).include(b"192.0.2.7") and not Names(listed).include(b"")


def sources(policy: str, directive: str) -> list[str]:
    """What a content security policy lists under a directive."""
    (listed,) = [each.split()[1:] for each in policy.split(";") if each.split()[0] == directive]
    return listed


@pytest.mark.parametrize("path", PATHS)
def test_answers__say_what_a_browser_may_do_with_them(world: World, path: str) -> None:
    answer = with_service(world, lambda client: client.get(path))
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    if answer.headers["content-type"].startswith("text/html"):
        assert answer.headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert not re.search(r"<script |\sstyle=|\son\w+=", answer.text), "nothing that its own policy forbids"
        for script in re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL):
            digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in sources(answer.headers["content-security-policy"], "script-src")


def test_readyz__tells_nobody_who_serves(world: World) -> None:
    assert with_service(world, lambda client: client.get("/readyz")).json() == {"ready": True, "alarms": 0}
