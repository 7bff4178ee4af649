from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.adapters.database import ledger
from evergreen.adapters.feast import Features
from evergreen.core.features import FEATURE_NAMES
from evergreen.errors import ModelRefused, NotFound
from evergreen.service.metrics import Metrics
from evergreen.service.refresh import Keeper
from evergreen.service.store import DiskStore
from evergreen.settings import Settings
from evergreen.workspace import REPOSITORY
from tests.service.world import NOW, SESSION, World, manifest_of, panel, ready_world, train

CLOSE = pd.Timestamp("2008-09-12 20:00", tz="UTC")


def materialize(settings: Settings, features: pd.DataFrame, closes: list[float]) -> None:
    """Through the real Feast: offline, applied, online."""
    index = pd.MultiIndex.from_product([features.index, [SESSION]], names=["ticker", "session"])
    rows = features.set_axis(index)
    prices = pd.DataFrame({"close": closes, "factor": 0.5}, index)
    moments = pd.Series(CLOSE, index).astype("datetime64[us, UTC]")
    online = Features(settings.features, REPOSITORY / "feature_repo")
    online.write(rows, prices, moments, moments)
    online.apply()
    online.materialize(CLOSE)


def test_universe__is_what_feast_has_online_to_the_bit(tmp_path: Path) -> None:
    world = ready_world(tmp_path, names=FEATURE_NAMES)
    features = panel(4, names=FEATURE_NAMES)
    materialize(world.settings, features, [10.0, 20.0, 30.0, 40.0])
    real = DiskStore(world.settings)
    universe = real.universe()
    assert universe.tickers == tuple(features.index)
    np.testing.assert_array_equal(universe.features, features.to_numpy())
    assert universe.last_close.tolist() == [10.0, 20.0, 30.0, 40.0], "raw closes, not adjusted ones"
    assert set(universe.sessions) == {SESSION}
    keeper = Keeper(real, Metrics())
    keeper.look(NOW)
    assert keeper.snapshot is not None and not keeper.alarms


def test_universe__nothing_materialized_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="evergreen daily"):
        DiskStore(Settings(home=tmp_path)).universe()


def test_look__an_empty_place_shows_nothing(tmp_path: Path) -> None:
    seen = DiskStore(Settings(home=tmp_path, clock="replay")).look(NOW)
    assert (seen.rollout, seen.finished_at, seen.clock) == (None, None, None)


def change_manifest(world: World, **changes: object) -> None:
    file = world.settings.models / "1" / "manifest.json"
    manifest = manifest_of(train(1))
    file.write_text(replace(manifest, **changes).to_json())


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"model_sha256": "0" * 64}, "another model"),
        ({"feature_names": ("F0", "F1")}, "a model of 5 features"),
        ({"golden_outputs": (0.0, 0.0, 0.0, 0.0)}, "golden"),
    ],
)
def test_model__refuses_a_manifest_that_is_not_its_own(world: World, changes: dict[str, object], why: str) -> None:
    change_manifest(world, **changes)
    with pytest.raises(ModelRefused, match=why):
        world.store.model("1")


ALTERED = {
    "names reversed": {"feature_names": ("F4", "F3", "F2", "F1", "F0")},
    "interval ends swapped": {"interval_low": 0.05, "interval_high": -0.05},
    "horizon": {"horizon": 20},
    "kind": {"kind": "random_walk"},
    "scales": {"scales": {"A": 9.0}},
    "residual sigma": {"residual_sigma": 9.0},
    "target ends": {"target_low": -9.0, "target_high": 9.0},
    "interval level": {"interval_level": 0.5},
    "trained through": {"trained_through": "2030-01-01"},
    "data version": {"data_version": "another"},
    "feature ends": {"feature_low": (), "feature_high": (1.0,)},
}


@pytest.mark.parametrize("changes", ALTERED.values(), ids=ALTERED)
def test_model__a_manifest_altered_alone_is_refused(world: World, changes: dict[str, object]) -> None:
    change_manifest(world)
    file = world.settings.models / "1" / "manifest.json"
    with world.engine.begin() as conn:
        registered = ledger.read_model_version(conn, world.settings.model_name, "1")
        ledger.record_files(conn, registered, {"manifest.json": sha256(file.read_bytes()).hexdigest()})
    assert world.store.model("1").version == "1"
    change_manifest(world, **changes)
    with pytest.raises(ModelRefused, match="not the registered one"):
        world.store.model("1")


def test_model__reversed_names_are_refused_without_a_recorded_hash(world: World) -> None:
    change_manifest(world, **ALTERED["names reversed"])
    with pytest.raises(ModelRefused, match="not the 5 it reads in their order"):
        world.store.model("1")


def test_model__a_truncated_file_is_refused(world: World) -> None:
    file = world.settings.models / "1" / "model.txt"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ModelRefused, match="SHA-256"):
        world.store.model("1")


def test_model__a_missing_manifest_is_refused_with_a_hint(world: World) -> None:
    (world.settings.models / "1" / "manifest.json").unlink()
    with pytest.raises(ModelRefused, match=r"manifest\.json.*evergreen reconcile"):
        world.store.model("1")


def test_model__a_version_not_on_record_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        world.store.model("99")


def test_model__a_golden_batch_of_none_proves_nothing_and_is_refused(world: World) -> None:
    change_manifest(world, golden_inputs=(), golden_outputs=())
    with pytest.raises(ModelRefused, match="golden"):
        world.store.model("1")


def test_age__counts_sessions_of_the_exchange(world: World) -> None:
    assert world.store.age(pd.Timestamp("2008-08-29"), pd.Timestamp("2008-09-02")) == 1, "Labor Day is none"
    assert world.store.age(SESSION, SESSION - pd.Timedelta(days=7)) == 0, "never negative"


def test_target__is_so_many_sessions_later_or_nothing_beyond_the_calendar(world: World) -> None:
    friday = pd.Timestamp("2008-08-29")
    assert world.store.target(friday, 1) == "2008-09-02", "the weekend and Labor Day are none"
    assert world.store.target(friday, 5) == "2008-09-08"
    assert world.store.target(pd.Timestamp("2200-01-03"), 1) is None


def test_clock__in_replay_is_the_last_processed_session(world: World) -> None:
    with world.engine.begin() as conn:
        assert ledger.clock(conn, "evergreen") == "2008-09-12"
    assert world.store.look(NOW).clock == SESSION


def test_home__whose_name_has_letters_outside_ascii_serves(tmp_path: Path) -> None:
    world = ready_world(tmp_path / "Zuhause \u00e4\u00f6 \u2603")
    keeper = Keeper(world.store, Metrics())
    keeper.look(NOW)
    assert keeper.snapshot is not None and not keeper.alarms
