"""What the service's own watch ends, and what it leaves alone."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from evergreen.adapters.database import predictions
from evergreen.adapters.database.predictions import Prediction
from evergreen.core.canary import CanaryRecord, RollbackWindow
from evergreen.core.canary.assignment import arm
from evergreen.core.canary.guardrails import OutputLimits
from evergreen.errors import Unavailable
from evergreen.service import proving
from evergreen.service.answering import new_ids
from evergreen.service.metrics import Metrics
from evergreen.service.refresh import Keeper
from evergreen.service.state import Snapshot
from evergreen.service.watch import Watch, keep_watch
from tests.service.world import NOW, TICKERS, World, ready_world

SANE = OutputLimits(residual_sigma=1.0, target_low=-1.0, target_high=1.0)


def guarded_world(home: Path, limits: OutputLimits = SANE, **changes: Any) -> World:
    """A canary at half of the clients, watched since NOW."""
    world = ready_world(home, **changes)
    world.change_rollout(evidence=CanaryRecord(limits=limits))
    return world


def log_requests(world: World, broken: set[str], clients: int = 300, hours: int = 4, flip: bool = False) -> None:
    """Every client asks once an hour; the arms in `broken` fail for every second client."""
    rows = []
    for number in range(clients):
        name = f"client {number}"
        where = "challenger" if flip else arm("salt", name, 5_000)
        fails = where in broken and number % 2 == 0
        for hour in range(hours):
            rows.append(
                Prediction(
                    id=new_ids(1)[0], at=NOW + timedelta(hours=hour), client=name, ticker=TICKERS[0],
                    as_of="2008-09-12", arm=where, version="1", price=1.0, lower=1.0, upper=1.0,
                    last_close=1.0, forecast=0.0, feature_hash="-", champion_version="1", champion_raw=0.0,
                    challenger_version="2", challenger_raw=0.0, rollout_version=2, latency_us=50_000 if fails else 300,
                )
            )  # fmt: skip
    predictions.insert_many(world.engine, rows)


def looked(world: World) -> tuple[Watch, str | None]:
    keeper, watch = Keeper(world.store, Metrics()), Watch(world.settings, world.store)
    keeper.look(NOW)
    assert keeper.snapshot is not None
    return watch, watch.look(keeper.snapshot, NOW)


def test_watch__a_sane_canary_goes_on(tmp_path: Path) -> None:
    world = guarded_world(tmp_path)
    log_requests(world, broken=set())
    watch, summary = looked(world)
    assert summary is None and not watch.verdict.broken and not watch.verdict.missing
    assert world.rollout().challenger == "2"


@pytest.mark.parametrize("flip", [False, True])
def test_watch__nothing_that_clients_send_ends_a_canary_or_blinds_it(tmp_path: Path, flip: bool) -> None:
    """Bulk accounts whose answers take long, and a crowd of names that all fall to one arm."""
    world = guarded_world(tmp_path)
    log_requests(world, broken={"challenger"}, flip=flip)
    watch, summary = looked(world)
    assert summary is None and not watch.verdict.broken and not watch.verdict.missing
    assert world.rollout().challenger == "2"


def test_watch__outputs_out_of_range_end_it_at_the_first_look(tmp_path: Path) -> None:
    world = guarded_world(tmp_path, OutputLimits(residual_sigma=1.0, target_low=-1e-9, target_high=1e-9))
    _, summary = looked(world)
    assert summary and "outside the training target's range" in summary


def test_watch__a_challenger_that_hangs_on_the_newest_features_is_ended_before_a_client_meets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = ready_world(tmp_path, challenger=False)
    keeper, watch = Keeper(world.store, Metrics()), Watch(world.settings, world.store)
    keeper.look(NOW)
    running = proving.ModelProcess._running

    def stopped(process: proving.ModelProcess) -> subprocess.Popen[bytes]:
        child = running(process)
        child.send_signal(signal.SIGSTOP)
        return child

    monkeypatch.setattr(proving.ModelProcess, "_running", stopped)
    monkeypatch.setattr(proving, "FORECAST_SECONDS", 0.2)
    world.change_rollout(challenger="2", stage="canary_50", weight=5_000, evidence=CanaryRecord(limits=SANE))
    keeper.look(NOW)
    assert keeper.snapshot is not None and keeper.snapshot.lineup.challenger is None
    assert "did not answer" in keeper.alarms["challenger"]
    sentence = watch.look(keeper.snapshot, NOW)
    assert sentence and "did not answer the newest features" in sentence
    assert world.rollout().challenger is None


def test_watch__told_only_to_tell_it_changes_nothing(tmp_path: Path) -> None:
    world = guarded_world(tmp_path, OutputLimits(residual_sigma=1.0, target_low=-1e-9, target_high=1e-9))
    world.use(guardrails="tell")
    watch, summary = looked(world)
    assert summary is None and watch.verdict.broken and world.rollout().challenger == "2"


@pytest.mark.parametrize(("sessions", "champion"), [(5, "1"), (0, "2")])
def test_watch__a_fresh_promotion_is_taken_back_within_its_window(tmp_path: Path, sessions: int, champion: str) -> None:
    world = ready_world(tmp_path)
    limits = OutputLimits(residual_sigma=1.0, target_low=-1e-9, target_high=1e-9)
    window = CanaryRecord(window=RollbackWindow("2008-09-12", sessions, limits))
    promoted = {"champion": "2", "previous_champion": "1", "challenger": None, "stage": "steady", "weight": 0}
    world.change_rollout(**promoted, evidence=window)
    looked(world)
    assert world.rollout().champion == champion


def test_watch__a_canary_without_limits_on_its_outputs_misses_a_guardrail(tmp_path: Path) -> None:
    world = ready_world(tmp_path)
    world.change_rollout(evidence=CanaryRecord(test={}))
    watch, summary = looked(world)
    assert summary is None and watch.verdict.missing == ("No limits on outputs were fixed when it began.",)


@pytest.mark.parametrize("failure", [ZeroDivisionError("a bug"), Unavailable("the database is away.")])
def test_keep_watch__goes_on_after_a_look_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, failure: Exception
) -> None:
    world, looks = ready_world(tmp_path), list[Snapshot]()
    keeper, watch = Keeper(world.store, Metrics()), Watch(world.settings, world.store)
    keeper.look(NOW)

    async def live() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()

        def look(snapshot: Snapshot, *_: object) -> None:
            looks.append(snapshot)
            if len(looks) == 1:
                raise failure
            loop.call_soon_threadsafe(stop.set)

        monkeypatch.setattr(watch, "look", look)
        await asyncio.wait_for(keep_watch(watch, keeper, 0.001, stop), 60)

    asyncio.run(live())
    assert len(looks) >= 2 and str(failure) in caplog.text
