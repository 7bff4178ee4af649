"""Files that are what was registered and still unfit: a child process meets them first, the service goes on."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evergreen.core.model.manifest import Manifest
from evergreen.core.model.verified import sha256
from evergreen.errors import ModelRefused
from evergreen.service import proving
from evergreen.service.metrics import Metrics
from evergreen.service.refresh import Keeper
from tests.service.running import Client, ask, until, with_service
from tests.service.world import NOW, World, ready_world

UNFIT = r"ended the process that tried it|does not repeat"


def register_anew(world: World, version: str, text: str) -> None:
    """Make damaged text the registered one: every hash agrees, the content is wrong."""
    folder = world.settings.models / version
    manifest = Manifest.from_json((folder / "manifest.json").read_text())
    (folder / "model.txt").write_text(text)
    (folder / "manifest.json").write_text(replace(manifest, model_sha256=sha256(text.encode())).to_json())
    with world.engine.begin() as conn:
        changed = (sha256(text.encode()), version)
        conn.exec_driver_sql("UPDATE model_version SET sha256 = ? WHERE version = ?", changed)


def text_of(world: World, version: str) -> str:
    return (world.settings.models / version / "model.txt").read_text()


@pytest.mark.parametrize("keep", [0.02, 0.3, 0.6])
def test_model__truncated_before_it_was_registered_is_refused_by_a_child(tmp_path: Path, keep: float) -> None:
    world, process = ready_world(tmp_path), os.getpid()
    text = text_of(world, "2")
    register_anew(world, "2", text[: int(len(text) * keep)])
    with pytest.raises(ModelRefused, match=UNFIT):
        world.store.model("2")
    assert os.getpid() == process


def test_model__with_leaves_changed_before_it_was_registered_is_refused(tmp_path: Path) -> None:
    world = ready_world(tmp_path)
    leaves = text_of(world, "2").split("leaf_value=", 1)[1].split("\n")[0]
    register_anew(world, "2", text_of(world, "2").replace(leaves, leaves.translate(str.maketrans("12345", "23456")), 1))
    with pytest.raises(ModelRefused, match="does not repeat the golden forecasts"):
        world.store.model("2")


def test_model__bits_flipped_before_it_was_registered_either_answer_the_same_or_are_refused(tmp_path: Path) -> None:
    world, generator = ready_world(tmp_path), np.random.default_rng(11)
    sound, refused = text_of(world, "2"), 0
    for _ in range(12):
        bits = bytearray(sound.encode())
        bits[generator.integers(len(bits))] ^= 1 << int(generator.integers(7))
        register_anew(world, "2", bits.decode())
        try:
            served = world.store.model("2")
        except ModelRefused:
            refused += 1
            continue
        golden = served.manifest.golden_matrix()
        session = np.zeros(len(golden), dtype=np.intp)
        np.testing.assert_array_equal(served.process.forecast(golden, session), served.manifest.golden_outputs)
    assert 0 < refused <= 12


def test_model__that_does_not_answer_in_time_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = ready_world(tmp_path)
    start = proving.ModelProcess._start

    def stopped(process: proving.ModelProcess) -> subprocess.Popen[bytes]:
        child = start(process)
        child.send_signal(signal.SIGSTOP)
        return child

    proving._proved.cache_clear()
    monkeypatch.setattr(proving.ModelProcess, "_start", stopped)
    monkeypatch.setattr(proving, "SECONDS", 0.01)
    with pytest.raises(ModelRefused, match=r"within 0\.01 s"):
        world.store.model("2")


def test_model__that_forecasts_otherwise_of_each_row_alone_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, ask = ready_world(tmp_path).store.model("2"), proving.ModelProcess._ask
    golden = model.manifest.golden_matrix()
    rows = golden, np.zeros(len(golden), dtype=np.intp)
    model.process.forecast(*rows)

    def contradicting(*arguments: object) -> tuple[proving.Array, proving.Array]:
        together, alone = ask(*arguments)  # type: ignore[arg-type]
        return together, np.nextafter(alone, 1.0)

    monkeypatch.setattr(proving.ModelProcess, "_ask", contradicting)
    with pytest.raises(ModelRefused, match="something else of many rows than of each alone"):
        model.process.forecast(*rows)


def test_champion__in_service_stays_when_its_successor_kills_the_child(tmp_path: Path) -> None:
    world = ready_world(tmp_path, challenger=False)
    register_anew(world, "2", text_of(world, "2")[:900])

    async def act(client: Client) -> tuple[str, str]:
        world.change_rollout(champion="2", previous_champion="1")
        rollout = await until(client, "/v1/rollout", lambda answer: "champion" in answer.json().get("alarms", {}))
        return (await ask(client)).json()["model"], rollout.json()["alarms"]["champion"]

    model, alarm = with_service(world, act)
    assert model == "1" and "Model 2" in alarm


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_model__whose_process_dies_or_hangs_between_two_sessions_forecasts_from_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: signal.Signals
) -> None:
    world = ready_world(tmp_path)
    keeper = Keeper(world.store, Metrics())
    keeper.look(NOW)
    assert keeper.snapshot is not None and keeper.snapshot.lineup.challenger is not None
    before = keeper.snapshot
    child = keeper.snapshot.lineup.challenger.process._child
    assert child is not None
    ask = proving.ModelProcess._ask

    def hurried(
        process: proving.ModelProcess, ours: object, about: str, limit: float, *arrays: proving.Array
    ) -> object:
        return ask(process, ours, about, 0.2 if ours is child else limit, *arrays)

    monkeypatch.setattr(proving.ModelProcess, "_ask", hurried)
    child.send_signal(fault)
    world.materialize()
    keeper.look(NOW)
    assert keeper.snapshot is not before and not keeper.alarms
    np.testing.assert_array_equal(keeper.snapshot.tables["2"].values, before.tables["2"].values)


def test_model__that_nobody_asks_leaves_no_process_behind(tmp_path: Path) -> None:
    process = ready_world(tmp_path).store.model("1").process
    child = process._child
    assert child is not None and child.stdin is not None
    child.stdin.close()  # as when the service is gone
    assert child.wait(timeout=30) == 0
    process._child = None
    proving._proved.cache_clear()


def test_model__once_proved_is_not_proved_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = ready_world(tmp_path)
    keeper = Keeper(world.store, Metrics())
    keeper.look(NOW)
    monkeypatch.setattr(proving.subprocess, "Popen", None)
    assert world.store.model("1").version == "1" and world.store.model("2").version == "2"
