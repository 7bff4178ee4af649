from __future__ import annotations

import base64
import json
import multiprocessing
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from evergreen.errors import BadInput, BadSetting, Broken, Conflict, KeyRefused, NotFound, TooManyRequests
from evergreen.service.app import bind, serve
from evergreen.service.door import CLIENTS, Rate
from evergreen.service.keys import Keys
from evergreen.settings import Settings
from tests.service.running import Client, with_service
from tests.service.world import World, ready_world


@pytest.fixture
def guarded(tmp_path: Path) -> tuple[World, str, str]:
    """A world that asks for keys, a client's key and an administrator's."""
    world = ready_world(tmp_path)
    world.use(service_auth=True)
    keys = Keys(world.settings.keys)
    return world, keys.add("desk"), keys.add("boss", admin=True)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_keys__only_hashes_are_kept_and_others_may_not_read_them(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    key = Keys(file).add("desk")
    assert key.partition(".")[2] not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    assert Keys(file).verify(key).name == "desk"


def test_keys__a_changed_file_counts_at_once(tmp_path: Path) -> None:
    seen, other = Keys(tmp_path / "keys.json"), Keys(tmp_path / "keys.json")
    key = other.add("desk")
    assert seen.verify(key).name == "desk"
    other.remove("desk")
    with pytest.raises(KeyRefused):
        seen.verify(key)
    with pytest.raises(NotFound):
        other.remove("desk")


def test_keys__a_key_in_use_ends_by_a_word_only(tmp_path: Path) -> None:
    keys, now = Keys(tmp_path / "keys.json"), datetime.now(UTC)
    key = keys.add("desk", admin=True)
    with pytest.raises(Conflict, match=r"'desk' has a key already\. .* --replace"):
        keys.add("desk")
    assert keys.verify(key).admin
    renewed = keys.add("desk", replace=True)
    assert not keys.verify(renewed).admin
    with pytest.raises(KeyRefused):
        keys.verify(key)
    keys.add("desk", expires=now - timedelta(days=1), replace=True)
    assert keys.verify(keys.add("desk")).name == "desk", "one that expired is in nobody's way"


def add_one(file: Path, name: str) -> str:
    return Keys(file).add(name)


def test_keys__twelve_writers_at_once_all_count_and_a_revocation_stays(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    revoked = Keys(file).add("revoked")
    with multiprocessing.get_context("fork").Pool(6) as pool:
        adding = pool.starmap_async(add_one, [(file, f"name{number}") for number in range(12)])
        Keys(file).remove("revoked")
        keys = adding.get(60)
    assert [Keys(file).verify(key).name for key in keys] == [f"name{number}" for number in range(12)]
    with pytest.raises(KeyRefused):
        Keys(file).verify(revoked)
    assert file.stat().st_mode & 0o077 == 0


def test_keys__what_a_kill_left_half_written_is_in_nobodys_way(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    key = Keys(file).add("desk")
    file.with_suffix(".tmp").write_text('[{"name": "de')
    other = Keys(file).add("other")
    assert {Keys(file).verify(each).name for each in (key, other)} == {"desk", "other"}


def test_keys__an_expired_one_is_refused_with_its_date(tmp_path: Path) -> None:
    keys, now = Keys(tmp_path / "keys.json"), datetime.now(UTC)
    fresh, old = keys.add("fresh", expires=now + timedelta(days=1)), keys.add("old", expires=now - timedelta(days=1))
    assert keys.verify(fresh).name == "fresh"
    with pytest.raises(KeyRefused, match=f"expired at {(now - timedelta(days=1)).isoformat()[:10]}"):
        keys.verify(old)


def test_keys__show_when_they_were_last_used(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    key = keys.add("desk")
    assert keys.last_used("desk") is None
    keys.verify(key)
    used = Keys(tmp_path / "keys.json").last_used("desk")
    assert used is not None and abs(used.timestamp() - time.time()) < 60
    keys.remove("desk")
    assert keys.last_used("desk") is None


def test_keys__let_in_where_their_use_cannot_be_noted(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    key = keys.add("desk")
    (tmp_path / "keys-used").touch()  # no folder, as none can be made on a full or read-only disk
    assert keys.verify(key).name == "desk"


ODD = ({"sha256": 5}, {"sha256": "ä" * 64}, {"admin": "false"}, {"expires": "soon"}, {"expires": "2020-01-01"},
       {"expires": 5}, {"name": 5}, {"more": 1})  # fmt: skip


@pytest.mark.parametrize("text", ["", "[" * 100_000, "{}x", "5", *(json.dumps(odd) for odd in ODD)])
def test_service__a_damaged_file_of_keys_lets_nobody_in_and_tells_strangers_nothing(
    guarded: tuple[World, str, str], text: str
) -> None:
    world, key, _ = guarded
    file = world.settings.keys
    accounts = json.loads(file.read_text())
    file.write_text(json.dumps([accounts[0] | json.loads(text), accounts[1]]) if text[:2] == '{"' else text)

    async def act(client: Client) -> list[httpx.Response]:
        headers = bearer(key)
        return [
            await client.get("/v1/predictions/AAPL", headers=headers),
            await client.post("/v1/predictions", json={"tickers": ["AAPL"]}, headers=headers),
            await client.get("/metrics", headers=headers),
        ]

    answers = with_service(world, act)
    assert {answer.status_code for answer in answers} == {503}
    assert {answer.json()["error"] for answer in answers} == {"The keys cannot be read."}
    with pytest.raises(Broken, match=r"keys\.json cannot be read"):
        Keys(file).accounts()


@pytest.mark.parametrize("name", ["", "a.b", "ä", "x" * 65, "../keys"])
def test_keys__odd_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput):
        Keys(tmp_path / "keys.json").add(name)


@pytest.mark.parametrize("path", ["/v1/predictions/AAPL", "/v1/rollout", "/", "/metrics"])
@pytest.mark.parametrize("header", ["", "Bearer desk.wrong", "Bearer nobody.x", "Basic !!", "Basic eA==", "Digest x"])
def test_service__without_a_right_key_nothing_is_told(guarded: tuple[World, str, str], path: str, header: str) -> None:
    world, *_ = guarded
    answer = with_service(world, lambda client: client.get(path, headers={"Authorization": header}))
    assert answer.status_code == 401 and "WWW-Authenticate" in answer.headers


def test_service__the_account_is_the_client_and_pages_are_for_administrators(guarded: tuple[World, str, str]) -> None:
    world, key, boss = guarded
    basic = {"Authorization": "Basic " + base64.b64encode(f"me:{boss}".encode()).decode()}

    async def act(client: Client) -> list[int]:
        answers = [
            await client.get("/v1/predictions/AAPL", headers=bearer(key) | {"X-Client-Id": "somebody else"}),
            await client.get("/v1/rollout", headers=bearer(key)),
            await client.get("/metrics", headers=bearer(key)),
            await client.get("/metrics", headers=bearer(boss)),
            await client.get("/", headers=basic),
            await client.get("/healthz"),
        ]
        return [answer.status_code for answer in answers]

    assert with_service(world, act) == [200, 200, 403, 200, 200, 200]
    with world.engine.connect() as conn:
        assert conn.exec_driver_sql("select client from prediction").scalar() == "desk"


def test_serve__another_address_needs_keys(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="there is no key"):
        serve(Settings(home=tmp_path, service_auth=True, service_host="0.0.0.0", service_port=0))
    with bind("0.0.0.0", 0, guarded=True) as listener:
        assert listener.getsockname()[1] > 0


def test_rate__a_client_that_asks_too_often_waits_and_others_do_not() -> None:
    now = [0.0]
    rate = Rate(2, clock=lambda: now[0])
    for _ in range(2):
        rate.take("greedy")
    with pytest.raises(TooManyRequests):
        rate.take("greedy")
    rate.take("modest")
    now[0] = 0.5
    rate.take("greedy")


def test_rate__many_names_do_not_fill_the_memory() -> None:
    rate = Rate(2, clock=lambda: 0.0)
    for number in range(CLIENTS + 10):
        rate.take(str(number))
    assert len(rate._left) <= CLIENTS


def test_service__over_the_rate_is_429(tmp_path: Path) -> None:
    world = ready_world(tmp_path)
    world.use(requests_per_second=1)

    async def act(client: Client) -> list[int]:
        return [(await client.get("/v1/predictions/AAPL")).status_code for _ in range(30)]

    assert with_service(world, act).count(429) >= 1
