"""What is said of a version's record is said of the registered files only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evergreen.adapters.database import evidence, intervals, ledger, writing
from evergreen.adapters.models.folder import MANIFEST
from evergreen.adapters.monitoring.realized import read_coverage, read_realized, read_skill
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.session import iso
from evergreen.core.model.intervals import Band, Standing
from evergreen.core.model.verified import sha256
from evergreen.errors import ModelRefused
from tests.service.world import NOW, TICKERS, World, manifest_of, ready_world, train


@pytest.mark.parametrize("read", [read_skill, read_coverage, read_realized])
def test_read__a_manifest_that_is_not_the_registered_one_is_refused(tmp_path: Path, read: Callable[..., Any]) -> None:
    world = World(tmp_path)
    folder, manifest = world.settings.models / "1", manifest_of(train(1))
    folder.mkdir(parents=True)
    registered = ledger.ModelVersion(
        model=world.settings.model_name, version="1", run_id="r1", sha256=manifest.model_sha256, kind="lightgbm",
        as_of="2008-06-30", created_at=NOW, files={MANIFEST: sha256(manifest.to_json().encode())},
    )  # fmt: skip
    with world.engine.begin() as conn:
        ledger.record_model_version(conn, registered)
    (folder / MANIFEST).write_text(replace(manifest, horizon=20).to_json())
    with pytest.raises(ModelRefused, match="is not the registered one"):
        read(world.engine, folder, world.settings.model_name, "1")


@pytest.mark.parametrize(("move", "lost"), [(0.005, False), (0.02, True)])
def test_read_coverage__finds_intervals_that_miss_of_all_that_was_forecast(
    tmp_path: Path, move: float, lost: bool
) -> None:
    world = ready_world(tmp_path / "home", challenger=False)
    days = Calendar("XNYS").sessions(pd.Timestamp("2008-07-01"), pd.Timestamp("2008-08-29"))
    rows = pd.MultiIndex.from_product([days, TICKERS], names=["session", "ticker"]).to_frame(index=False)
    folder = world.settings.models / "1"
    rows.assign(forecast=0.0, label=0.0, lower=-0.01, upper=0.01).to_parquet(folder / "oos.parquet")
    with writing(world.engine) as conn:
        for day in days:
            stood = Standing(iso(day), dict.fromkeys(TICKERS, 0.01), {"1": Band(-1.0, 1.0)})
            intervals.record(conn, "evergreen", stood)
        evidence.record_forecasts(conn, rows.assign(version="1", value=0.0, feature_hash="-", made_at=NOW))
        settled = rows.assign(horizon=1, target="return", value=move, known_at=NOW, data_version="data")
        evidence.record_outcomes(conn, settled)
    test = read_coverage(world.engine, folder, "evergreen", "1")
    assert test is not None and test.promised == pytest.approx(0.1)
    assert test.lost is lost
