"""A home to serve from: two models of 158 features in a canary, 505 tickers in Feast's online store."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd

from evergreen.adapters.database import decisions, ledger, rollouts
from evergreen.adapters.models.folder import MANIFEST, MODEL
from evergreen.core.features import FEATURE_NAMES
from evergreen.core.model import booster as boosters
from evergreen.core.model.manifest import Manifest
from evergreen.core.model.verified import sha256
from evergreen.service.store import VIEW
from evergreen.settings import Settings
from evergreen.workspace import Workspace

TICKERS = tuple(f"T{number:03d}" for number in range(505))
SESSION = pd.Timestamp("2018-02-07")
CLOSE = pd.Timestamp("2018-02-07T21:00:00Z")
NOW = datetime(2018, 2, 7, 22, tzinfo=UTC)


def build(home: Path) -> Settings:
    """Models 1 (champion) and 2 (challenger, half of the clients) with features of one session."""
    settings = Settings(home=home, clock="replay")
    at = Workspace(settings)
    for version in ("1", "2"):
        _register(at, version)
    _materialize(at)
    first = rollouts.Rollout(
        model=settings.model_name, champion="1", challenger="2", stage="canary_50", weight=5_000,
        salt="benchmark", stage_session="2018-02-07", updated_at=NOW,
    )  # fmt: skip
    rollouts.create(at.engine, first, decision(settings, "1"))
    at.engine.dispose()
    return settings


def decision(settings: Settings, subject: str) -> decisions.Decision:
    """Something to write down with a change of rollout."""
    return decisions.Decision(
        at=NOW, model=settings.model_name, kind="benchmark", as_of="2018-02-07", subject=subject, summary="measured"
    )


def features() -> pd.DataFrame:
    """Feature values [tickers x 158]."""
    values = np.random.default_rng(5).normal(size=(len(TICKERS), len(FEATURE_NAMES))).astype("float32")
    return pd.DataFrame(values, pd.Index(TICKERS, name="ticker"), list(FEATURE_NAMES))


def train(seed: int) -> lgb.Booster:
    """A booster of the default size: 300 trees of 8 leaves."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(5_000, len(FEATURE_NAMES))).astype("float32")
    target = rows[:, :20].sum(axis=1) * 1e-3 + rng.normal(scale=0.02, size=len(rows))
    settings = {"verbose": -1, "num_threads": 1, "seed": seed, "num_leaves": 8, "learning_rate": 0.02}
    booster = lgb.train(settings, lgb.Dataset(rows, target, feature_name=list(FEATURE_NAMES)), 300)
    return boosters.from_text(boosters.to_text(booster))


def _register(at: Workspace, version: str) -> None:
    booster = train(int(version))
    text, folder = boosters.to_text(booster), at.model_folder(version)
    folder.mkdir(parents=True)
    (folder / MODEL).write_text(text)
    (folder / MANIFEST).write_text(_manifest(booster, text).to_json())
    with at.engine.begin() as conn:
        ledger.record_model_version(
            conn,
            ledger.ModelVersion(
                model=at.settings.model_name, version=version, run_id=f"run-{version}",
                sha256=sha256(text.encode()), as_of="2018-02-07", created_at=NOW, kind="lightgbm",
            ),
        )  # fmt: skip


def _manifest(booster: lgb.Booster, text: str) -> Manifest:
    golden = features().to_numpy()[:8]
    return Manifest(
        kind="lightgbm", model_sha256=sha256(text.encode()), feature_names=FEATURE_NAMES, horizon=1,
        interval_low=-0.03, interval_high=0.03, residual_sigma=0.02, target_low=-0.3, target_high=0.3,
        trained_through="2018-02-06", as_of="2018-02-07", data_version="-", training_set_sha256="-", seed=7,
        golden_inputs=tuple(tuple(map(float, row)) for row in golden),
        golden_outputs=tuple(boosters.predict(booster, golden).tolist()),
    )  # fmt: skip


def _materialize(at: Workspace) -> None:
    index = pd.MultiIndex.from_product([TICKERS, [SESSION]], names=["ticker", "session"])
    rows = features().set_axis(index)
    prices = pd.DataFrame({"close": 100.0, "factor": 1.0}, index)
    moment = pd.Series(CLOSE, index)
    at.features.write(rows, prices, moment, moment)
    mark = at.features.materialize(CLOSE)
    with at.engine.begin() as conn:
        ledger.record_materialization(
            conn,
            ledger.Materialization(
                view=VIEW, watermark=CLOSE.to_pydatetime(), session="2018-02-07", rows=mark.moved, finished_at=NOW
            ),
        )
        ledger.record_session(
            conn, ledger.ProcessedSession(model=at.settings.model_name, as_of="2018-02-07", finished_at=NOW)
        )
