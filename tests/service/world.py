"""A small world to serve: five features, four tickers, real models on disk, a real database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd

from evergreen.adapters.database import ledger, reading, rollouts
from evergreen.adapters.database.decisions import Decision
from evergreen.adapters.database.rollouts import Rollout
from evergreen.core.model import booster as boosters
from evergreen.core.model.manifest import Manifest
from evergreen.core.model.verified import sha256
from evergreen.service.state import Universe, make_universe
from evergreen.service.store import VIEW, DiskStore
from evergreen.settings import Settings

NAMES = tuple(f"F{place}" for place in range(5))
TICKERS = ("AAPL", "GOOG", "IBM", "MSFT")
SESSION = pd.Timestamp("2008-09-12")
NOW = datetime(2008, 9, 12, 21, tzinfo=UTC)


def panel(seed: int = 1, tickers: tuple[str, ...] = TICKERS, names: tuple[str, ...] = NAMES) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(rng.normal(size=(len(tickers), len(names))).astype("float32"), tickers, names)


def train(seed: int, names: tuple[str, ...] = NAMES, rounds: int = 20) -> lgb.Booster:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(400, len(names))).astype("float32")
    target = 0.01 * rows[:, 0] + rng.normal(scale=0.02, size=400)
    settings = {"verbose": -1, "num_threads": 1, "seed": seed, "num_leaves": 7, "deterministic": True}
    trained = lgb.train(settings, lgb.Dataset(rows, target, feature_name=list(names)), rounds)
    return boosters.from_text(boosters.to_text(trained))


def manifest_of(booster: lgb.Booster, names: tuple[str, ...] = NAMES, horizon: int = 1) -> Manifest:
    golden = np.random.default_rng(0).normal(size=(4, len(names))).astype("float32")
    return Manifest(
        kind="lightgbm",
        model_sha256=sha256(boosters.to_text(booster).encode()),
        feature_names=names,
        horizon=horizon,
        interval_low=-0.04,
        interval_high=0.03,
        residual_sigma=0.02,
        target_low=-0.2,
        target_high=0.2,
        trained_through="2008-06-30",
        as_of="2008-06-30",
        data_version="abc123",
        training_set_sha256="0" * 64,
        seed=7,
        golden_inputs=tuple(tuple(map(float, row)) for row in golden),
        golden_outputs=tuple(boosters.predict(booster, golden).tolist()),
        feature_low=(-5.0,) * len(names),
        feature_high=(5.0,) * len(names),
    )


@dataclass
class WorldStore(DiskStore):
    """The real store, with features from a frame instead of Feast."""

    settings: Settings
    features: pd.DataFrame = field(default_factory=panel)
    session: pd.Timestamp = SESSION
    closes: float = 100.0

    def __post_init__(self) -> None:
        super().__init__(self.settings)

    def universe(self) -> Universe:
        index = self.features.index
        return make_universe(self.features, pd.Series(self.closes, index), pd.Series(self.session, index))


class World:
    """Everything the service reads, and hands to change it."""

    def __init__(self, home: Path, names: tuple[str, ...] = NAMES, **changes: object) -> None:
        self.settings = Settings(home=home, clock="replay", refresh_seconds=0.02, **changes)
        self.store = WorldStore(self.settings, features=panel(names=names))
        self.engine = self.store.engine
        self.names = names
        self.materialized = 0

    def add_model(self, version: str, seed: int, rounds: int = 20) -> None:
        booster = train(seed, self.names, rounds)
        folder = self.settings.models / version
        folder.mkdir(parents=True)
        text, manifest = boosters.to_text(booster), manifest_of(booster, self.names)
        (folder / "model.txt").write_text(text)
        (folder / "manifest.json").write_text(manifest.to_json())
        with self.engine.begin() as conn:
            ledger.record_model_version(
                conn,
                ledger.ModelVersion(
                    model=self.settings.model_name,
                    version=version,
                    run_id="r" + version,
                    sha256=sha256(text.encode()),
                    kind="lightgbm",
                    as_of="2008-06-30",
                    created_at=NOW,
                ),
            )

    def start_rollout(self, champion: str, **changes: object) -> Rollout:
        first = Rollout(
            model=self.settings.model_name,
            champion=champion,
            salt="salt",
            stage_session="2008-09-12",
            updated_at=NOW,
            **changes,
        )
        return rollouts.create(self.engine, first, self.decision("first_champion", champion))

    def use(self, **changes: object) -> None:
        self.settings = self.settings.model_copy(update=changes)
        self.store = WorldStore(self.settings, features=self.store.features, session=self.store.session)

    def rollout(self) -> Rollout:
        with reading(self.engine) as conn:
            row = rollouts.read(conn, self.settings.model_name)
        assert row is not None
        return row

    def change_rollout(self, **changes: object) -> Rollout:
        row = self.rollout()
        return rollouts.change(
            self.engine,
            row,
            self.decision("stage", row.challenger or row.champion, f"Changed {', '.join(changes)}."),
            **changes,
        )

    def serve_everybody(self, champion: str, decision: Decision) -> Rollout:
        row = self.rollout()
        return rollouts.change(self.engine, row, decision, **rollouts.steady(row, champion, decision.as_of))

    def materialize(self, session: pd.Timestamp = SESSION) -> None:
        self.materialized += 1
        self.store.session = session
        with self.engine.begin() as conn:
            ledger.record_materialization(
                conn,
                ledger.Materialization(
                    view=VIEW,
                    watermark=session.tz_localize(UTC),
                    session=session.date().isoformat(),
                    rows=len(self.store.features),
                    finished_at=NOW + pd.Timedelta(seconds=self.materialized),
                ),
            )

    def process(self, session: pd.Timestamp = SESSION) -> None:
        with self.engine.begin() as conn:
            ledger.record_session(
                conn,
                ledger.ProcessedSession(
                    model=self.settings.model_name, as_of=session.date().isoformat(), finished_at=NOW
                ),
            )

    def decision(self, kind: str, subject: str, summary: str = "") -> Decision:
        return Decision(
            at=NOW,
            model=self.settings.model_name,
            kind=kind,
            as_of="2008-09-12",
            subject=subject,
            summary=summary or f"{kind} of {subject}",
        )


def ready_world(home: Path, challenger: bool = True, weight: int = 5_000, **changes: object) -> World:
    """Champion 1, challenger 2 answering `weight` basis points of clients, features of SESSION."""
    world = World(home, **changes)
    world.add_model("1", seed=1)
    world.add_model("2", seed=2)
    stage = "canary_50" if weight else "shadow"
    arms = {"challenger": "2", "stage": stage, "weight": weight} if challenger else {}
    world.start_rollout("1", **arms)
    world.materialize()
    world.process()
    return world
