"""How a version does since it serves, read from its files and the database: its evidence and its errors."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from sqlalchemy import Engine

from evergreen.adapters.database import evidence, reading
from evergreen.adapters.models.folder import read_manifest, read_oos
from evergreen.core.drift import Realized, SkillTest, realized
from evergreen.core.drift.skill import SKILL_TRIP
from evergreen.core.evaluation.metrics import session_losses
from evergreen.core.model.manifest import Manifest


def read_skill(engine: Engine, folder: Path, version: str, threshold: float = SKILL_TRIP) -> SkillTest | None:
    """The evidence that a version still does what its record promised, over every settled session it served.

    None for the random walk, which is its own baseline. `folder` is the version's local copy; skill counts as lost at
    E >= `threshold`.
    """
    manifest, record = _read(folder)
    if manifest.kind == "random_walk":
        return None
    rows = record.set_index(["ticker", "session"])
    zero = pd.Series(0.0, index=rows.index)
    ours, baseline = (session_losses(forecast, rows["label"]) for forecast in (rows["forecast"], zero))
    test = SkillTest(ours.to_numpy(), baseline.to_numpy(), threshold)
    with reading(engine) as conn:
        served = evidence.session_losses(conn, version, manifest.horizon)
    for day in served.itertuples():
        test.update(str(day.session)[:10], float(day.loss), float(day.baseline_loss))  # type: ignore[arg-type]
    return test


def read_realized(engine: Engine, folder: Path, version: str) -> Realized | None:
    """The version's errors by ticker and regime and its intervals' coverage; None before anything has settled."""
    manifest, record = _read(folder)
    with reading(engine) as conn:
        settled = evidence.settled(conn, version, manifest.horizon)
        answered = evidence.answered_intervals(conn, version, manifest.horizon)
    return realized(settled, record, answered) if len(settled) else None


def _read(folder: Path) -> tuple[Manifest, pd.DataFrame]:
    return read_manifest(folder), read_oos(folder)
