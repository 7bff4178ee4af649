"""What else is known when drift is judged: whether the data itself is at fault, and how old the model is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from evergreen.adapters.database import ledger, reading
from evergreen.core.bars.calendar import iso
from evergreen.market_data.delivery import Delivery
from evergreen.workspace import Workspace

if TYPE_CHECKING:
    from evergreen.core.drift import Counts, Signs
    from evergreen.core.drift.skill import Standing

WINDOW = 20  # sessions, as the current window of a drift check


def read_signs(
    at: Workspace, session: pd.Timestamp, delivery: Delivery, counts: Counts | None, drift: bool, skill: Standing
) -> Signs:
    """All that the cause rules ask for, about the last 20 sessions up to this one."""
    from evergreen.core.drift import Signs

    with reading(at.engine) as conn:
        done = ledger.sessions(conn, at.settings.model_name, WINDOW)
        trained = [known.as_of for known in ledger.model_versions(conn, at.settings.model_name)]
    earlier = [one.report for one in done if one.as_of < iso(session)]
    single = [report for report in earlier if report["first"] == report["last"]]  # the history's own is left out
    reports = [delivery.summary(), *single[: WINDOW - 1]]
    age = at.calendar.between(pd.Timestamp(max(trained)), session) if trained else 0
    rows = sum(report["rows"] for report in reports)
    return Signs(
        drift=drift,
        skill=skill,
        refused=sum(report["refused"] for report in reports) / rows if rows else 0.0,
        missing=missing_share(counts) if counts is not None else 0.0,
        unadjusted=tuple(sorted({ticker for report in reports for ticker in report.get("unadjusted", ())})),
        aged=age >= at.settings.retrain_after,
    )


def missing_share(counts: Counts) -> float:
    """The share of the rows a usual session has that are absent from the last 20 sessions."""
    rows = counts.values[:, 0, :].sum(axis=1)
    usual = float(pd.Series(rows).median())
    current = rows[-WINDOW:]
    return max(0.0, 1 - float(current.sum()) / (usual * len(current))) if usual else 0.0
