"""How a version does since it serves, read from its files and the database: its evidence and its errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sqlalchemy import Engine

from evergreen.adapters.database import evidence, intervals, ledger, reading
from evergreen.adapters.models.folder import MANIFEST, OOS, read_manifest, read_oos
from evergreen.core.bars.session import iso
from evergreen.core.drift import RUN_LENGTH, CoverageTest, Realized, SkillTest, outside_by_session, realized
from evergreen.core.evaluation.statistic import choose_loss, losses_by_session, suited_statistic
from evergreen.core.model.intervals import Band, Standing
from evergreen.core.model.manifest import Manifest
from evergreen.core.model.targets.registry import target


def read_skill(
    engine: Engine, folder: Path, model: str, version: str, run_length: float = RUN_LENGTH
) -> SkillTest | None:
    """The evidence that a version still does what its record promised, over every settled session it served.

    Losses are of the statistic that suits the breadth of its record, as at the gate. None for the random walk, which is
    its own baseline. `folder` is the version's local copy, `model` the name it is registered under; `run_length` as of
    `SkillTest`.

    Raises:
        ModelRefused: the copy is not the registered one.
    """
    manifest, record = _read(engine, folder, model, version)
    if manifest.kind == "random_walk":
        return None
    rows = record.set_index(["ticker", "session"])
    statistic = suited_statistic(record["session"], target(manifest.target).by_order)
    sides = (rows["forecast"], pd.Series(0.0, index=rows.index))
    ours, baseline = (losses_by_session(statistic, forecast, rows["label"]) for forecast in sides)
    test = SkillTest(ours.to_numpy(), baseline.to_numpy(), run_length, statistic, manifest.horizon)
    with reading(engine) as conn:
        served = evidence.session_losses(conn, version, manifest.aim)
    losses = choose_loss(statistic, served["loss"], served["rank_ic"])
    baselines = choose_loss(statistic, served["baseline_loss"], np.zeros(len(served)))
    for session, loss, of_baseline in zip(served["session"].map(iso), losses, baselines, strict=True):
        test.update(session, float(loss), float(of_baseline))
    return test


def read_coverage(
    engine: Engine, folder: Path, model: str, version: str, run_length: float = RUN_LENGTH
) -> CoverageTest | None:
    """The evidence that a version's intervals hold what they promise, over every settled session it forecast.

    Looked at are all tickers it forecast, asked for or not. None for the random walk, which has no record; the rest as
    of `read_skill`.
    """
    manifest, record = _read(engine, folder, model, version)
    if manifest.kind == "random_walk":
        return None
    promised = outside_by_session(record.rename(columns={"label": "outcome"}))
    test = CoverageTest(promised, manifest.interval_level, run_length, manifest.horizon)
    with reading(engine) as conn:
        pairs = evidence.settled(conn, version, manifest.aim)
        stood = intervals.standings(conn, model, pairs["session"].min()) if len(pairs) else {}
    for session, rows in pairs.groupby(pairs["session"].map(iso)):
        if standing := stood.get(str(session)):
            outside = outside_by_session(_with_interval(rows, standing, version, manifest.band))
            test.update(str(session), float(outside.iloc[0]))
    return test


def read_realized(engine: Engine, folder: Path, model: str, version: str) -> Realized | None:
    """The version's errors by ticker and regime and its intervals' coverage; None before anything has settled.

    Arguments and errors as of `read_skill`.
    """
    manifest, record = _read(engine, folder, model, version)
    with reading(engine) as conn:
        settled = evidence.settled(conn, version, manifest.aim)
        answered = evidence.answered_intervals(conn, version, manifest.aim)
    return realized(settled, record, answered) if len(settled) else None


def _with_interval(rows: pd.DataFrame, stood: Standing, version: str, otherwise: Band) -> pd.DataFrame:
    low, high = stood.reach(list(rows["ticker"]), version, otherwise)
    return rows.assign(lower=rows["forecast"] + low, upper=rows["forecast"] + high)


def _read(engine: Engine, folder: Path, model: str, version: str) -> tuple[Manifest, pd.DataFrame]:
    with reading(engine) as conn:
        files = ledger.read_model_version(conn, model, version).files
    return read_manifest(folder, files.get(MANIFEST)), read_oos(folder, files.get(OOS))
