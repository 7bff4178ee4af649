from __future__ import annotations

import random
import time
from datetime import timedelta
from inspect import signature

import pandas as pd
import pytest

from evergreen.errors import Unavailable
from evergreen.service.attempts import RETRY
from evergreen.service.metrics import Metrics
from evergreen.service.refresh import Keeper
from evergreen.service.state import Snapshot
from tests.service.world import NOW, SESSION, World, panel, ready_world


class Clock:
    """Seconds that pass when they are told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float = 2 * RETRY) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keeper(world: World, clock: Clock) -> Keeper:
    return Keeper(world.store, Metrics(), clock=clock)


def serving(keeper: Keeper) -> Snapshot:
    assert keeper.snapshot is not None
    return keeper.snapshot


def versions(keeper: Keeper) -> tuple[str, str | None, int]:
    lineup = serving(keeper).lineup
    challenger = lineup.challenger.version if lineup.challenger else None
    return lineup.champion.version, challenger, lineup.rollout.version


def spoil(world: World, version: str) -> None:
    file = world.settings.models / version / "model.txt"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_look__nothing_changed_keeps_the_very_same_snapshot(keeper: Keeper, clock: Clock) -> None:
    keeper.look(NOW)
    first = serving(keeper)
    clock.wait(1)
    keeper.look(NOW)
    assert keeper.snapshot is first
    clock.wait(2)
    assert keeper.unconfirmed_seconds() == 2


def test_look__follows_the_rollout_and_loads_no_model_twice(world: World, keeper: Keeper) -> None:
    keeper.look(NOW)
    challenger = serving(keeper).lineup.challenger
    world.change_rollout(champion="2", previous_champion="1", challenger=None, stage="steady", weight=0)
    keeper.look(NOW)
    assert versions(keeper) == ("2", None, 2)
    assert serving(keeper).lineup.champion is challenger


def test_look__a_rollback_finds_the_previous_champion_still_loaded(world: World, keeper: Keeper) -> None:
    keeper.look(NOW)
    first = serving(keeper).lineup.champion
    world.change_rollout(champion="2", previous_champion="1", challenger=None, stage="steady", weight=0)
    keeper.look(NOW)
    spoil(world, "1")
    world.change_rollout(champion="1", previous_champion=None)
    keeper.look(NOW)
    assert serving(keeper).lineup.champion is first and not keeper.alarms


def test_look__new_features_are_read_once_per_materialization(world: World, keeper: Keeper) -> None:
    keeper.look(NOW)
    world.store.features = panel(seed=9)
    keeper.look(NOW)
    before = serving(keeper)
    world.materialize(SESSION + pd.Timedelta(days=3))
    keeper.look(NOW)
    assert serving(keeper).universe.hashes != before.universe.hashes
    assert serving(keeper).as_of == SESSION + pd.Timedelta(days=3)


def test_look__features_age_when_the_clock_moves_on_without_them(world: World, keeper: Keeper) -> None:
    keeper.look(NOW)
    assert serving(keeper).ages == (0, 0, 0, 0)
    world.process(SESSION + pd.Timedelta(days=5))
    keeper.look(NOW)
    assert serving(keeper).ages == (3, 3, 3, 3), "Friday to Wednesday is three sessions"


def test_look__live_clock_is_the_last_closed_session(world: World) -> None:
    world.use(clock="live")
    keeper = Keeper(world.store, Metrics())
    keeper.look(NOW + timedelta(days=3))
    assert serving(keeper).clock == pd.Timestamp("2008-09-15")
    assert serving(keeper).ages == (1, 1, 1, 1)


def test_look__a_refused_champion_leaves_the_old_one_serving_and_raises_an_alarm(world: World, keeper: Keeper) -> None:
    keeper.look(NOW)
    world.add_model("3", seed=3)
    spoil(world, "3")
    world.change_rollout(champion="3", challenger=None, stage="steady", weight=0)
    keeper.look(NOW)
    assert versions(keeper) == ("1", "2", 1)
    assert "SHA-256" in keeper.alarms["champion"]
    world.materialize(SESSION + pd.Timedelta(days=3))
    keeper.look(NOW)
    assert serving(keeper).as_of == SESSION + pd.Timedelta(days=3), "the old champion gets the new features"


def test_look__a_mended_champion_is_found_again(world: World, keeper: Keeper, clock: Clock) -> None:
    keeper.look(NOW)
    world.add_model("3", seed=3)
    file = world.settings.models / "3" / "model.txt"
    content = file.read_bytes()
    spoil(world, "3")
    world.change_rollout(champion="3", challenger=None, stage="steady", weight=0)
    keeper.look(NOW)
    file.write_bytes(content)
    clock.wait()
    keeper.look(NOW)
    assert versions(keeper) == ("3", None, 2) and not keeper.alarms


@pytest.mark.parametrize("fault", ["bit", "missing", "manifest", "unregistered"])
def test_look__a_broken_challenger_never_hurts_the_champion(
    tmp_path_factory: pytest.TempPathFactory, fault: str
) -> None:
    world = ready_world(tmp_path_factory.mktemp("home"), challenger=False)
    if fault != "unregistered":
        world.add_model("3", seed=3)
        folder = world.settings.models / "3"
        {"bit": lambda: spoil(world, "3"), "missing": (folder / "model.txt").unlink,
         "manifest": lambda: (folder / "manifest.json").write_text("{")}[fault]()  # fmt: skip
    world.change_rollout(challenger="3", stage="canary_5", weight=500)
    clock = Clock()
    keeper = Keeper(world.store, Metrics(), clock=clock)
    keeper.look(NOW)
    assert versions(keeper) == ("1", None, 2)
    assert "3" in keeper.alarms["challenger"]
    first = serving(keeper)
    clock.wait()
    keeper.look(NOW)
    assert keeper.snapshot is first, "trying again in vain disturbs nobody"


def test_look__a_hundred_flipped_bits_are_all_refused(world: World, keeper: Keeper, clock: Clock) -> None:
    keeper.look(NOW)
    world.add_model("3", seed=3)
    world.change_rollout(champion="3", challenger=None, stage="steady", weight=0)
    file = world.settings.models / "3" / "model.txt"
    content, chance = file.read_bytes(), random.Random(5)
    for _ in range(100):
        altered = bytearray(content)
        altered[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        file.write_bytes(altered)
        clock.wait()
        keeper.look(NOW)
        assert versions(keeper)[0] == "1"


def test_look__unreadable_features_keep_the_last_ones_and_raise_an_alarm(
    world: World, keeper: Keeper, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper.look(NOW)
    before = serving(keeper).universe

    def gone() -> None:
        raise Unavailable("The online store is away.")

    monkeypatch.setattr(world.store, "universe", gone)
    world.materialize(SESSION + pd.Timedelta(days=3))
    keeper.look(NOW)
    assert serving(keeper).universe is before
    assert "online store is away" in keeper.alarms["features"]
    monkeypatch.undo()
    clock.wait()
    keeper.look(NOW)
    assert serving(keeper).universe is not before and not keeper.alarms


def test_look__a_database_that_is_away_leaves_the_snapshot(
    world: World, keeper: Keeper, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper.look(NOW)

    def away(_: object) -> None:
        raise Unavailable("The database did not answer.")

    monkeypatch.setattr(world.store, "look", away)
    clock.wait()
    keeper.look(NOW)
    assert versions(keeper) == ("1", "2", 1) and "did not answer" in keeper.alarms["state"]
    assert keeper.unconfirmed_seconds() == 2 * RETRY


def test_look__tells_once_when_the_first_snapshot_stands(world: World) -> None:
    calls: list[int] = []
    keeper = Keeper(world.store, Metrics(), lambda: calls.append(1))
    keeper.look(NOW)
    world.materialize(SESSION + pd.Timedelta(days=3))
    keeper.look(NOW)
    assert calls == [1]


def test_look__a_clock_set_back_by_a_day_delays_no_second_attempt(world: World, keeper: Keeper, clock: Clock) -> None:
    world.add_model("3", seed=3)
    file = world.settings.models / "3" / "model.txt"
    content = file.read_bytes()
    keeper.look(NOW)
    spoil(world, "3")
    world.change_rollout(champion="3", challenger=None, stage="steady", weight=0)
    keeper.look(NOW)
    file.write_bytes(content)
    clock.wait()
    keeper.look(NOW - timedelta(days=1))
    assert versions(keeper) == ("3", None, 2)
    assert keeper.unconfirmed_seconds() == 0
    assert signature(Keeper).parameters["clock"].default is time.monotonic
