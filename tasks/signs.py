"""What a session shows beside the features: whether the data itself is at fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.adapters.database import ledger, reading
from evergreen.adapters.database.delivery_state import NOW
from evergreen.market_data.delivery import Delivery
from evergreen.workspace import Workspace

if TYPE_CHECKING:
    from evergreen.core.drift import Counts, DriftCheck, TooLittleHistory
    from evergreen.core.drift.skill import Standing
    from evergreen.core.policy import SessionWatch


def read_watch(
    at: Workspace,
    delivery: Delivery,
    check: DriftCheck | TooLittleHistory | None,
    counts: Counts | None,
    skill: Standing,
    uncovered: bool,
) -> SessionWatch:
    """All that is asked of the session of a delivery; shares of rows are of the last 20 sessions up to it."""
    from evergreen.core.drift import LATELY, missing_share
    from evergreen.core.policy import SessionWatch

    with reading(at.engine) as conn:
        processed = ledger.sessions(conn, at.settings.model_name, LATELY)
    earlier = [one.report for one in processed if one.as_of < delivery.last]
    single = [report for report in earlier if report["first"] == report["last"]]  # the history's own is left out
    reports = [delivery.summary(), *single[: LATELY - 1]]
    rows = sum(report["rows"] for report in reports)
    return SessionWatch(
        session=NOW,
        as_of=delivery.last,
        check=check,
        skill=skill,
        uncovered=uncovered,
        refused=sum(report["refused"] for report in reports) / rows if rows else 0.0,
        missing=missing_share(counts.values[:, 0, :].sum(axis=1)) if counts is not None else 0.0,
        unadjusted=tuple(sorted({ticker for report in reports for ticker in report.get("unadjusted", ())})),
    )
