"""A world with a past: settled forecasts, a canary under way, decisions, drift, a data version."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from evergreen.adapters.database import decisions, evidence, ledger
from evergreen.adapters.database.decisions import Decision
from evergreen.core.canary import CanaryRecord, QualityTest
from tests.service.world import NOW, SESSION, TICKERS, World

DECISIONS = """
2008-06-30|first_champion|0|The random walk serves until a model has beaten the gate.
2008-07-01|gate|1|Version 1 is admitted: not worse than the random walk by the margin; better is not shown.
2008-07-14|promote|1|Version 1 became champion: evidence 21.4 against 20 after 9 sessions, guardrails clean.
2008-08-27|drift|1|Two windows of 20 sessions left the reference (p 0.012); moved most: STD20, WVMA60, VSTD10.
2008-08-27|retrain|2|Covariate shift with loss of skill: retraining requested on data 5d1f0c2ab7e9.
2008-08-27|gate|2|Version 2 is admitted: not worse than version 1 by the margin (lower 90 % bound -0.003).
2008-08-28|stage|2|Version 2 enters the canary in shadow: it scores every request and answers none.
2008-08-29|stage|2|Golden batch and one session clean: 5 % of clients.
2008-09-08|stage|2|5 clean sessions: 25 % of clients.
"""


def tell(world: World, sessions: int = 50) -> None:
    """Give the world 50 settled sessions, a canary of ten of them and the decisions of DECISIONS."""
    days = pd.bdate_range(end=SESSION, periods=sessions)
    rng = np.random.default_rng(3)
    came_true = rng.standard_t(4, size=(sessions, len(TICKERS))) * 0.018
    with world.engine.begin() as conn:
        for version, skill in (("1", 0.06), ("2", 0.16)):
            noise = rng.normal(size=came_true.shape) * 0.004
            evidence.record_forecasts(conn, _forecasts(days, version, skill * came_true + noise))
        evidence.record_outcomes(conn, _outcomes(days, came_true))
        _ledger(conn)
        for line in DECISIONS.strip().splitlines():
            session, kind, subject, summary = line.split("|")
            at = datetime.fromisoformat(session + "T21:05:00").replace(tzinfo=UTC)
            decision = Decision(at=at, model="evergreen", kind=kind, as_of=session, subject=subject, summary=summary)
            decisions.append(conn, decision)
    world.change_rollout(stage="canary_25", weight=2_500, evidence=CanaryRecord().with_test(canary(rng)))


def _forecasts(days: pd.DatetimeIndex, version: str, values: np.ndarray) -> pd.DataFrame:
    table = _long(days, values)
    return table.assign(version=version, feature_hash="0" * 16, made_at=NOW)


def _outcomes(days: pd.DatetimeIndex, values: np.ndarray) -> pd.DataFrame:
    return _long(days, values).assign(horizon=1, target="return", known_at=NOW, data_version="5d1f0c2ab7e9")


def _long(days: pd.DatetimeIndex, values: np.ndarray) -> pd.DataFrame:
    index = pd.MultiIndex.from_product([days, TICKERS], names=["session", "ticker"])
    return pd.DataFrame({"value": values.ravel()}, index).reset_index()


def _ledger(conn: Connection) -> None:
    ledger.record_drift_check(
        conn,
        ledger.DriftRecord(
            model="evergreen", as_of="2008-09-12", version="1", drifted=True, p_value=0.012, statistic=0.41,
            verdict="Second drifted window in a row; a retraining is under way, cooldown until 2008-09-25.",
            culprits=["STD20", "WVMA60", "VSTD10", "KLEN"],
        ),
    )  # fmt: skip
    ledger.record_data_version(
        conn,
        ledger.DataVersion(
            id="5d1f0c2ab7e9", created_at=NOW, as_of="2008-09-12", rows_added=4, rows_refused=0,
            source="sample", first_session="2000-03-01", last_session="2008-09-12",
        ),
    )  # fmt: skip


def canary(rng: np.random.Generator, sessions: int = 11) -> QualityTest:
    """A test after some sessions of a slightly better challenger."""
    history = rng.gamma(2, 1, size=(2, 80))
    test = QualityTest(history[0], history[0] * (1 + 0.05 * rng.normal(size=80)))
    for day in pd.bdate_range(end=SESSION, periods=sessions):
        loss = rng.gamma(2, 1)
        test.update(day, loss, loss * (0.98 + 0.04 * rng.normal()))
    return test
