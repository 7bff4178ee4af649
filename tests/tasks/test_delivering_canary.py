"""A challenger that runs elsewhere and delivers too little: how much is too much, and what becomes of its canary."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.adapters.database import evidence, ledger, writing
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.session import iso
from evergreen.core.canary import CanaryRecord, QualityTest
from evergreen.core.canary.guardrails import OutputLimits
from evergreen.core.model.delivered import FEATURE, KIND, DeliveredForecasts
from evergreen.core.model.verified import sha256
from evergreen.workspace import workspace
from tasks.canary import check_guardrails, look_at_canary
from tests.conftest import enter
from tests.service.world import NOW, TICKERS, World, manifest_of, train

WALK = Calendar("XNYS").sessions(pd.Timestamp("2008-09-15"), pd.Timestamp("2008-09-26"))
SANE = OutputLimits(residual_sigma=1.0, target_low=-1.0, target_high=1.0)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Version 1 answers half of the clients, the delivering version 2 the others since the session before WALK."""
    opened = World(tmp_path / "home")
    opened.add_model("1", seed=1)
    _add_delivering(opened, "2")
    losses = np.exp(np.random.default_rng(3).normal(0, 0.02, (2, 120))) * 1e-4
    record = replace(CanaryRecord(limits=SANE).with_test(QualityTest(*losses)), started="2008-09-12")
    opened.start_rollout("1", challenger="2", stage="canary_50", weight=5_000, evidence=record)
    enter(opened.settings.home, monkeypatch)
    monkeypatch.setattr("tasks.canary.show", lambda *_: None)
    return opened


def _add_delivering(world: World, version: str) -> None:
    model = DeliveredForecasts("mine.csv", "0" * 64)
    manifest = replace(
        manifest_of(train(1, (FEATURE,)), (FEATURE,)),
        kind=KIND, model_sha256=sha256(model.to_bytes()), golden_inputs=((0.5,),), golden_outputs=(0.5,),
    )  # fmt: skip
    folder = world.settings.models / version
    folder.mkdir(parents=True)
    (folder / "model.txt").write_bytes(model.to_bytes())
    (folder / "manifest.json").write_text(manifest.to_json())
    with writing(world.engine) as conn:
        ledger.record_model_version(
            conn,
            ledger.ModelVersion(
                model="evergreen", version=version, run_id=f"r{version}", sha256=manifest.model_sha256, kind=KIND,
                as_of="2008-06-30", created_at=NOW,
            ),
        )  # fmt: skip


def _forecast(world: World, sessions: int, missing: int) -> None:
    """Both versions over the first sessions; of version 2 the last `missing` forecasts did not come."""
    rows = pd.MultiIndex.from_product([WALK[:sessions], TICKERS], names=["session", "ticker"]).to_frame(index=False)
    value = np.random.default_rng(6).normal(0, 0.01, len(rows))
    known = rows.assign(value=value, feature_hash="-", made_at=NOW)
    with writing(world.engine) as conn:
        evidence.record_forecasts(conn, known.assign(version="1"))
        evidence.record_forecasts(conn, known.iloc[: len(known) - missing].assign(version="2"))


@pytest.mark.parametrize(
    ("sessions", "missing", "broken"),
    [
        (4, 16, ()),  # a sender has a week to find out that it is late
        (5, 2, ()),  # a tenth
        (5, 3, ("3 of 20 forecasts of version 2 did not come in time.",)),
    ],
)
def test_undelivered__more_than_a_tenth_after_a_week_is_too_much(
    world: World, sessions: int, missing: int, broken: tuple[str, ...]
) -> None:
    _forecast(world, sessions, missing)
    assert check_guardrails(workspace(), world.rollout()).broken == broken


def test_undelivered__ends_the_canary_and_says_why(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.canary.find_mismatch", lambda *_: None)  # it looks at bars, which this home has none of
    _forecast(world, 5, 20)
    became = look_at_canary.fn(WALK[4], NOW)
    row = world.rollout()
    assert "20 of 20 forecasts of version 2 did not come in time" in became
    assert (row.champion, row.challenger, row.weight) == ("1", None, 0), iso(WALK[4])
