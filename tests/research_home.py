"""An installation with a simulated market and a champion, for what is tried beside it: no server, no flow."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from evergreen.adapters.database import ledger, rollouts, writing
from evergreen.adapters.database.decisions import Decision
from evergreen.adapters.database.rollouts import Rollout
from evergreen.adapters.models.folder import MODEL, sha256s, write_model_folder
from evergreen.core.bars.session import iso
from evergreen.core.market import simulate
from evergreen.core.model.training import train
from evergreen.research.proposals import Workbench
from evergreen.settings import MarketSettings, Settings
from evergreen.workspace import Workspace

NOW = datetime(2026, 11, 27, 22, tzinfo=UTC)
SMALL = {"learner": "ridge", "folds": 2}


def research_home(home: Path, tickers: int, sessions: int, seed: int = 3) -> Workspace:
    """Bars of a simulated market; version 1, ridge on the 158, serves."""
    at = Workspace(Settings(home=home, clock="replay", market=MarketSettings(source="simulated")))
    bars = simulate(tickers, sessions, seed=seed)
    days = at.calendar.sessions(pd.Timestamp("2015-01-02"), pd.Timestamp("2020-12-31"))[:sessions]
    bars["session"] = bars["session"].map(dict(zip(sorted(bars["session"].unique()), days, strict=True)))
    at.bars.append(bars, pd.Timestamp(NOW), "simulated", assumed=True)
    as_of = iso(days[-1])
    with writing(at.engine) as conn:
        ledger.record_session(conn, ledger.ProcessedSession(model="evergreen", as_of=as_of, finished_at=NOW))
    crown(at, as_of)
    return at


def crown(at: Workspace, as_of: str) -> None:
    """Register a ridge on the known factors and have it serve."""
    from dataclasses import replace

    panel = Workbench(at).panel
    folder = at.model_folder("1")
    write_model_folder(train(panel.training_set, replace(panel.config, **SMALL)), folder, as_of, "")
    files = sha256s(folder)
    version = ledger.ModelVersion(
        model="evergreen",
        version="1",
        run_id="r1",
        sha256=files[MODEL],
        as_of=as_of,
        created_at=NOW,
        kind="ridge",
        files=files,
    )
    with writing(at.engine) as conn:
        ledger.record_model_version(conn, version)
    first = Rollout(model="evergreen", champion="1", salt="salt", stage_session=as_of, updated_at=NOW)
    decision = Decision(
        at=NOW, model="evergreen", kind="first_champion", as_of=as_of, subject="1", summary="Version 1 serves."
    )
    rollouts.create(at.engine, first, decision)
