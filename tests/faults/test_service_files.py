"""Damaged model files, a registry that is away, odd requests: the service answers on, in the same process."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import httpx
import numpy as np
import pytest

from evergreen.errors import ModelRefused
from tests.service.running import Client, ask, until_served, with_service
from tests.service.world import World, ready_world


def test_model_file__a_hundred_flipped_bits_are_all_refused_by_the_same_process(tmp_path: Path) -> None:
    world, generator = ready_world(tmp_path), np.random.default_rng(7)
    file, process = world.settings.models / "2" / "model.txt", os.getpid()
    sound = file.read_bytes()
    for _ in range(100):
        bits = bytearray(sound)
        bits[generator.integers(len(bits))] ^= 1 << int(generator.integers(8))
        file.write_bytes(bits)
        with pytest.raises(ModelRefused):
            world.store.model("2")
    file.write_bytes(sound)
    assert world.store.model("2").version == "2" and os.getpid() == process


@pytest.mark.parametrize("keep", [0, 1, 100, 3_000])
def test_model_file__truncated_it_is_refused(tmp_path: Path, keep: int) -> None:
    world = ready_world(tmp_path)
    file = world.settings.models / "2" / "model.txt"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(ModelRefused):
        world.store.model("2")


def test_service__serves_from_the_local_copy_while_the_registry_is_away(tmp_path: Path) -> None:
    world = ready_world(tmp_path)
    world.use(mlflow_uri="http://127.0.0.1:9")
    assert with_service(world, ask).status_code == 200


def test_rollout__two_hundred_changes_under_load_fail_nobody_and_clients_stay(tmp_path: Path) -> None:
    world = ready_world(tmp_path, weight=2_500)
    arms: dict[tuple[str, int], set[str]] = {}

    async def asking(client: Client, name: str, stop: asyncio.Event) -> None:
        while not stop.is_set():
            answer = await ask(client, name)
            assert answer.status_code == 200, answer.text
            body = answer.json()
            assert body["model"] in {"1", "2"}
            arms.setdefault((name, body["rollout_version"]), set()).add(body["model"])
            await asyncio.sleep(0.02)

    async def changing(client: Client, stop: asyncio.Event) -> None:
        for number in range(200):
            change = await asyncio.to_thread(world.change_rollout, weight=2_500 if number % 2 else 5_000)
            if number % 10 == 9:
                await until_served(client, change.version)
        stop.set()

    async def act(client: Client) -> httpx.Response:
        stop = asyncio.Event()
        await asyncio.gather(changing(client, stop), *(asking(client, f"client {number}", stop) for number in range(8)))
        return await client.get("/v1/rollout")

    last = with_service(world, act)
    assert last.json()["version"] == world.rollout().version == 201
    assert len({version for _, version in arms}) > 10, "changes were seen while they happened"
    assert all(len(models) == 1 for models in arms.values()), "one rollout version, one arm for a client"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b'{"tickers": []}', 422),
        (b'{"tickers": [1e308]}', 422),
        (b'{"tickers": ["AAPL"], "extra": 1}', 422),
        (b'{"tickers": "AAPL"}', 422),
        (b"x" * 10_000_000, 413),
    ],
)
def test_bad_input__is_refused_without_a_stack_trace(world: World, body: bytes, status: int) -> None:
    headers = {"Content-Type": "application/json"}
    answer = with_service(world, lambda client: client.post("/v1/predictions", content=body, headers=headers))
    assert answer.status_code == status and "Traceback" not in answer.text and set(answer.json()) == {"error", "hint"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return ready_world(tmp_path / "home")
